/** What package.json says of this package: its version, for documents and `--version`, and where bugs are reported. */
import { createRequire } from 'node:module';

const manifest = createRequire(import.meta.url)('../../package.json') as { version: string; bugs: string };

/** As in package.json. */
export const VERSION: string = manifest.version;
/** The address at which bugs are reported. */
export const BUGS: string = manifest.bugs;
