import { defineConfig, type ViteUserConfig } from 'vitest/config';

/** Tags of tests. */
export const TAGS = [
  { name: 'nightly', description: 'takes long, and what it shows is shown in part by others: not part of CI' },
  { name: 'every-ffmpeg', description: 'depends on the version of ffmpeg: CI runs it with several' },
];

/** Fast tests are the default; slow ones (`*.slow.test.ts`) need the real ResNet-50 or many seconds. */
const config: ViteUserConfig = defineConfig({
  test: {
    testTimeout: 180_000,
    hookTimeout: 180_000,
    pool: 'forks',
    maxWorkers: 2,
    tags: TAGS,
    globalSetup: 'test/support/build.ts',
    setupFiles: 'test/support/patterns.ts',
    projects: [
      { extends: true, test: { name: 'fast', include: ['test/**/*.test.ts'], exclude: ['test/**/*.slow.test.ts'] } },
      { extends: true, test: { name: 'slow', include: ['test/**/*.slow.test.ts'], testTimeout: 600_000 } },
    ],
  },
});

export default config;
