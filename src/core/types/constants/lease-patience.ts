/** A node that has been told and says nothing of how a replica ended has nothing of it: longer than any container may take to stop. */
export const LEAVE_SECONDS = 7_200;
/** One that was taken back before its node had heard of it is in nothing that the node says. */
export const UNHEARD_SECONDS = 30;
