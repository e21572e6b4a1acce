/**
 * The process in which `l2caf doctor` looks for a graphics adapter: drivers write to the terminal by themselves, and some end the
 * process. Prints what it found as JSON.
 */
import process from 'node:process';
import { messageOf } from '../base/errors.ts';
import { useBackend } from '../models/backend.ts';

const found = await useBackend('webgpu').then(
  ({ detail }) => ({ detail }),
  (error: unknown) => ({ why: messageOf(error).split('\n')[0] }),
);
process.stdout.write(`\n${JSON.stringify(found)}\n`, () => process.exit(0));
