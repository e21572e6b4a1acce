import process from 'node:process';
import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { TAGS } from '../../vitest.config.ts';

/** The fast tests of one room: `L2CAF_MUTANTS_ROOM`. */
const config: ViteUserConfig = defineConfig({
  test: {
    testTimeout: 180_000,
    hookTimeout: 180_000,
    setupFiles: 'test/support/patterns.ts',
    tags: TAGS,
    include: [`test/${process.env['L2CAF_MUTANTS_ROOM']}/**/*.test.ts`],
    exclude: ['test/**/*.slow.test.ts'],
  },
});

export default config;
