/**
 * How the writer process is started. Measured: unpacking makes a megabyte of garbage per megabyte, and a smaller heap collects it
 * so often that a third of the time goes there; a larger one takes the process past the memory that it may have. glibc would
 * give each of those pieces back to the system and fault it in again.
 */
export const writerLaunch = {
  args: ['--max-old-space-size=96'],
  env: {
    PATH: '/usr/bin:/bin',
    LC_ALL: 'C',
    // Reads and writes of every lane may be under way at once.
    UV_THREADPOOL_SIZE: '8',
    MALLOC_MMAP_THRESHOLD_: '33554432',
    MALLOC_TRIM_THRESHOLD_: '134217728',
  },
} as const;
