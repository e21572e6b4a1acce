/** The one folder that l2caf keeps things in between its runs: weights, features, programs made executable. */
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Folder for what is fetched: `L2CAF_CACHE`, else the user's cache folder of this operating system. */
export function cacheFolder(
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): string {
  if (env['L2CAF_CACHE']) return env['L2CAF_CACHE'];
  if (platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'l2caf');
  if (platform === 'win32') return join(env['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local'), 'l2caf');
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'l2caf');
}

/** Bytes of features that are kept unless asked otherwise: 20 GB, some 29,000 frames of 384×224. */
export const DEFAULT_CACHE_BYTES = 20e9;
