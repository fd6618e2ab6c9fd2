import type { AgentFrame, DaemonFrame } from '../../contract/agent/protocol.js';
import type { CreditFrame, FeedFrame, Opened, ShutFrame } from '../../contract/agent/channel.js';
import type { Assignment, LeaseReport, Work, WorkReport } from '../../contract/agent/work.js';
import type { UsageJournal } from './usage-journal.js';
import type { Static } from 'typebox';

import { MAX_LEASE_REPORTS } from '../../contract/agent/work.js';
import { FrameBudget } from './frame-budget.js';

/** Changes that come together are told together. */
const REPORT_PAUSE_MS = 50;
/** Of the reports in one frame, well below what a frame may have. */
const MAX_REPORT_BYTES = 128 << 10;
/** What was not answered by then is sent once more, or asked for once more. */
const PATIENCE_MS = 60_000;

/** The streams of one connection, of logs, commands and stats. */
export interface ChannelPort {
  open(opened: Opened): void;
  credit(credit: Static<typeof CreditFrame>['credit']): void;
  feed(feed: Static<typeof FeedFrame>['feed']): void;
  shut(shut: Static<typeof ShutFrame>['shut']): void;
  closeAll(): void;
}

export interface WorkLinkParts {
  readonly send: (frame: AgentFrame) => void;
  readonly channels: ChannelPort | undefined;
  readonly journal: Pick<UsageJournal, 'toSend' | 'noted'>;
  /** What is said beside leases; undefined while nothing can be said. */
  readonly header: () => Omit<WorkReport, 'leases'> | undefined;
  readonly report: (lease: string) => LeaseReport | undefined;
  /** All that are known, and those that have ended. */
  readonly leases: () => readonly string[];
  readonly missing: () => readonly string[];
  readonly told: (work: Work) => void;
  readonly assigned: (assignment: Assignment) => void;
  /** The daemon has been told that these have ended. */
  readonly onEndedTold: (leases: readonly string[]) => void;
  /** What fails here fails again with the next connection, if at all. */
  readonly onTrouble: (error: unknown) => void;
}

/** What one connection carries of the work of a node. */
export class WorkLink {
  readonly #parts: WorkLinkParts;
  readonly #budget = new FrameBudget();
  readonly #dirty = new Set<string>();
  readonly #said = new Map<string, string>();
  readonly #asked = new Map<string, number>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #saidHeader = '';
  #generation = -1;
  #flush: NodeJS.Timeout | undefined;
  #usage: { readonly id: number; readonly sentAtMs: number } | undefined;
  #isPumping = false;
  #reportedAtMs = -Infinity;
  #isOver = false;

  constructor(parts: WorkLinkParts) {
    this.#parts = parts;
    for (const lease of parts.leases()) this.#dirty.add(lease);
    this.#after(0);
    this.pump();
  }

  receive(frame: DaemonFrame): void {
    const { channels, assigned } = this.#parts;
    if ('work' in frame) this.#told(frame.work);
    else if ('assign' in frame) assigned(frame.assign);
    else if ('usageNoted' in frame) this.#noted(frame.usageNoted.id);
    else if ('open' in frame) channels?.open(frame.open);
    else if ('credit' in frame) channels?.credit(frame.credit);
    else if ('feed' in frame) channels?.feed(frame.feed);
    else if ('shut' in frame) channels?.shut(frame.shut);
  }

  /** What can be said of it may be otherwise. @param again - it is said even if it is the same. */
  changed(lease: string, again = false): void {
    if (again) this.#said.delete(lease);
    this.#dirty.add(lease);
    this.#soon();
  }

  /** What is said beside leases may be otherwise, or what is missing. */
  headerChanged(): void {
    this.#ask();
    this.#soon();
  }

  /** Sends what was used, a frame at a time. */
  pump(): void {
    const isWaiting = this.#usage && performance.now() - this.#usage.sentAtMs < PATIENCE_MS;
    if (this.#isOver || this.#isPumping || isWaiting) return;
    this.#isPumping = true;
    void this.#sendUsage()
      .catch(this.#parts.onTrouble)
      .finally(() => {
        this.#isPumping = false;
      });
  }

  close(): void {
    this.#isOver = true;
    clearTimeout(this.#flush);
    for (const timer of this.#timers) clearTimeout(timer);
    this.#parts.channels?.closeAll();
  }

  #told(work: Work): void {
    // Of words that were sent one after the other the newest counts, in whichever order they were made.
    if (work.generation < this.#generation) return;
    this.#generation = work.generation;
    this.#parts.told(work);
    this.#ask();
  }

  #ask(): void {
    const nowMs = performance.now();
    const missing = this.#parts.missing();
    const leases = missing.filter((lease) => {
      const askedAtMs = this.#asked.get(lease);
      return askedAtMs === undefined || nowMs - askedAtMs >= PATIENCE_MS;
    });
    for (const lease of this.#asked.keys()) if (!missing.includes(lease)) this.#asked.delete(lease);
    if (leases.length === 0) return;
    for (const lease of leases) this.#asked.set(lease, nowMs);
    this.#parts.send({ need: { leases } });
    this.#later(PATIENCE_MS, () => this.#ask());
  }

  /** At once, if nothing was said lately: somebody may be waiting for it. */
  #soon(): void {
    this.#after(Math.max(0, this.#reportedAtMs + REPORT_PAUSE_MS - performance.now()));
  }

  #after(ms: number): void {
    if (this.#isOver) return;
    this.#flush ??= setTimeout(() => {
      this.#flush = undefined;
      this.#report();
    }, ms);
  }

  #report(): void {
    const { header, report, send } = this.#parts;
    const head = header();
    if (!head) return;
    const isOther = JSON.stringify(head) !== this.#saidHeader;
    let batch = this.#nextBatch(report);
    if (batch.length === 0 && !isOther) return;
    do {
      const waitMs = this.#budget.take();
      if (waitMs > 0) {
        for (const { lease } of batch) this.#dirty.add(lease);
        return this.#after(waitMs);
      }
      send({ workReport: { ...head, leases: batch } });
      this.#reportedAtMs = performance.now();
      this.#saidHeader = JSON.stringify(head);
      this.#noteSaid(batch);
      batch = this.#nextBatch(report);
    } while (batch.length > 0);
  }

  /** As many of those that are otherwise as fit into a frame. */
  #nextBatch(report: (lease: string) => LeaseReport | undefined): LeaseReport[] {
    const batch: LeaseReport[] = [];
    let bytes = 0;
    for (const lease of this.#dirty) {
      if (batch.length >= MAX_LEASE_REPORTS || bytes > MAX_REPORT_BYTES) break;
      this.#dirty.delete(lease);
      const now = report(lease);
      if (!now || this.#said.get(lease) === JSON.stringify(now)) continue;
      bytes += Buffer.byteLength(JSON.stringify(now));
      batch.push(now);
    }
    return batch;
  }

  #noteSaid(batch: readonly LeaseReport[]): void {
    for (const now of batch) this.#said.set(now.lease, JSON.stringify(now));
    const ended = batch.filter(({ phase }) => phase === 'ended').map(({ lease }) => lease);
    if (ended.length === 0) return;
    // What was said on a connection that lived on for so long has arrived.
    this.#later(PATIENCE_MS, () => {
      for (const lease of ended) this.#said.delete(lease);
      this.#parts.onEndedTold(ended);
    });
  }

  async #sendUsage(): Promise<void> {
    const { journal, send } = this.#parts;
    const some = await journal.toSend();
    if (!some || this.#isOver) return;
    const waitMs = this.#budget.take();
    if (waitMs > 0) return this.#later(waitMs, () => this.pump());
    this.#usage = { id: some.id, sentAtMs: performance.now() };
    send({ usage: { id: some.id, records: [...some.records] } });
  }

  #noted(id: number): void {
    if (this.#usage?.id !== id) return;
    this.#usage = undefined;
    const { journal, onTrouble } = this.#parts;
    journal.noted(id).then(() => this.pump(), onTrouble);
  }

  #later(ms: number, act: () => void): void {
    if (this.#isOver) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, ms);
    this.#timers.add(timer);
  }
}
