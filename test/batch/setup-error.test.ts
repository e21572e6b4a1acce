/** Which failures end a batch. */
import { expect, it } from 'vitest';
import { type ErrorCode, L2cafError } from '../../src/base/errors.ts';
import { duringSetup, SetupError, throwIfShared } from '../../src/batch/setup-error.ts';

it('what an open model or target throws does, but no error that nobody foresaw', async () => {
  const known = new L2cafError('weights-invalid', 'damaged', { hint: 'pull them' });
  await expect(duringSetup(Promise.reject(known))).rejects.toBeInstanceOf(SetupError);
  await expect(duringSetup(Promise.reject(known))).rejects.toMatchObject({
    code: 'weights-invalid',
    hint: 'pull them',
  });
  await expect(duringSetup(Promise.reject(new RangeError('memory')))).rejects.toBeInstanceOf(RangeError);
});

it('what no event can be blamed for does, a file that cannot be written for another reason, or read, does not', () => {
  const failed = (code: ErrorCode, systemCode: string): unknown =>
    new L2cafError(code, 'in words', { cause: Object.assign(new Error('so'), { code: systemCode }) });
  for (const systemCode of ['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EMFILE']) {
    expect(() => throwIfShared(failed('output-unwritable', systemCode))).toThrow(SetupError);
  }
  expect(() => throwIfShared(failed('output-unwritable', 'ENAMETOOLONG'))).not.toThrow();
  expect(() => throwIfShared(failed('input-unreadable', 'EIO'))).not.toThrow();
  expect(() => throwIfShared(new L2cafError('output-unwritable', 'ENOSPC: the disk is full'))).not.toThrow();
});
