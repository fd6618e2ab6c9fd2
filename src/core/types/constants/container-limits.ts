/** Less memory than this no engine gives a container. */
export const MIN_MEMORY_BYTES = 6 * 2 ** 20;

/** Fewer thousandths of a core no engine gives one. */
export const MIN_CPU_MILLIS = 10;

/** Those that engines give by default; none that reaches the machine itself. */
export const CAPABILITIES: readonly string[] = [
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'NET_RAW',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
];
