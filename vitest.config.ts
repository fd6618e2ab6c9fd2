import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // @oclif/core and our own child processes write to the real streams; without this they are swallowed.
    disableConsoleIntercept: true,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/unit/**/*.test.ts'] } },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts', 'test/security/**/*.test.ts'],
          globalSetup: ['test/support/global-postgres.ts'],
        },
      },
      // Loop devices and engines are shared by the whole host: one file at a time.
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          exclude: ['test/e2e/boot/**'],
          fileParallelism: false,
        },
      },
      // Emulated machines take minutes to start, and nothing of what the others look at: they run beside them.
      {
        extends: true,
        test: { name: 'boot', include: ['test/e2e/boot/**/*.test.ts'], fileParallelism: false },
      },
    ],
  },
});
