/**
 * The first command of the README: sets everything up, analyzes a clip of the fixtures, says where the video is. With
 * --no-engine it does without onnxruntime, which is several times as fast as what then runs the network; other options are
 * those of `analyze`.
 */
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
  ...process.argv.slice(2).flatMap((option) => (option === '--no-engine' ? ['--backend', 'wasm'] : [option])),
];
const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
if (status === 0) console.log(`\nThe annotated video: ${join(root, 'out', 'demo', 'overlay.mp4')}`);
process.exit(status ?? 1);
