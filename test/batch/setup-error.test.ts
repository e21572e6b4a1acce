/** Which failures end a batch. */
import { expect, it } from 'vitest';
import { duringSetup, SetupError, throwIfShared } from '../../src/batch/setup-error.ts';
import { L2cafError } from '../../src/errors.ts';

it('what an open model or target throws does, but no error that nobody foresaw', async () => {
  const known = new L2cafError('weights-invalid', 'damaged', { hint: 'pull them' });
  await expect(duringSetup(Promise.reject(known))).rejects.toBeInstanceOf(SetupError);
  await expect(duringSetup(Promise.reject(known))).rejects.toMatchObject({
    code: 'weights-invalid',
    hint: 'pull them',
  });
  await expect(duringSetup(Promise.reject(new RangeError('memory')))).rejects.toBeInstanceOf(RangeError);
});

it('a full disk does, a file that cannot be written for another reason, or read, does not', () => {
  const unwritable = (why: string): L2cafError => new L2cafError('output-unwritable', `cannot write a.png: ${why}`);
  expect(() => throwIfShared(unwritable('ENOSPC: no space left on device, write'))).toThrow(SetupError);
  expect(() => throwIfShared(unwritable('ENAMETOOLONG: name too long'))).not.toThrow();
  expect(() => throwIfShared(new L2cafError('input-unreadable', 'cannot decode ENOSPC.mp4'))).not.toThrow();
});
