/** The first command of the README: sets everything up, analyzes a clip of the fixtures, says where the video is. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import './setup.mjs';

const root = join(import.meta.dirname, '..');
const clip = join(root, 'fixtures', 'clips', 'traffic_light_red.mp4');
const args = [
  join(root, 'dist', 'cli', 'main.js'),
  'analyze',
  clip,
  '-o',
  join(root, 'out', 'demo'),
  ...process.argv.slice(2),
];
const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
if (status === 0) console.log(`\nThe annotated video: ${join(root, 'out', 'demo', 'overlay.mp4')}`);
process.exit(status ?? 1);
