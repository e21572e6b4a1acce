/** What is tried of an ffmpeg. */
import { expect, it } from 'vitest';
import { findFfmpeg } from '../../../src/video/media/binaries.ts';
import { testFfmpeg } from '../../../src/video/media/self-test.ts';

it('a whole ffmpeg has nothing against it', async () => {
  const { encoders, failures } = await testFfmpeg(await findFfmpeg());
  expect(failures).toEqual([]);
  expect(encoders).toEqual([expect.stringMatching(/264/)]);
});

it('one that does not run is said to encode and to decode nothing', async () => {
  const binary = { ...(await findFfmpeg()), path: '/no/such/ffmpeg' };
  const { encoders, failures } = await testFfmpeg(binary);
  expect(encoders).toEqual([]);
  expect(failures).toEqual([
    'it cannot encode H.264',
    expect.stringMatching(/^MP4: ./),
    expect.stringMatching(/^TS: ./),
  ]);
});
