/** The version of this package, for documents and `--version`. */
import { createRequire } from 'node:module';

/** As in package.json. */
export const VERSION: string = (createRequire(import.meta.url)('../../package.json') as { version: string }).version;
