/** Folders as lists: what is taken, under which ids, and that the rest is said. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { folderRows } from '../../src/events/folder.ts';
import { readRows } from '../../src/events/read.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-folder-'));
  return () => rm(folder, { recursive: true });
});

/** Makes files; they hold nothing, as only their names matter here. */
async function touch(...paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), '');
  }
}

const idsOf = async (): Promise<string[]> => (await readRows(folder)).rows.map(({ id }) => id);

it('take videos by many names, in any case', async () => {
  const extensions =
    'mp4 m4v mov qt mkv webm avi mpg mpeg mpe ts m2ts mts 3gp 3g2 ogv wmv asf flv f4v mxf vob dv h264 264 hevc h265 265 ivf y4m mjpeg';
  const names = extensions
    .split(' ')
    .flatMap((extension, i) => [`a${i}.${extension}`, `b${i}.${extension.toUpperCase()}`]);
  await touch(...names);
  const { rows, notes } = await readRows(folder);
  expect(rows.map(({ videos }) => videos[0]!.name).sort()).toEqual(names.sort());
  expect(notes).toEqual([]);
});

it('are walked, hidden files left out, and say what is not taken', async () => {
  await touch(
    'b.mp4',
    'sub/a.mp4',
    'sub/deep/c.MTS',
    'notes.txt',
    'sub/list.csv',
    '.hidden.mp4',
    '.git/d.mp4',
    'e.mp4.part',
  );
  const { rows, notes, problems } = await readRows(folder);
  expect(rows.map(({ id, videos, place }) => [id, videos[0]!.name, place])).toEqual([
    ['b', 'b.mp4', 'b.mp4'],
    ['sub/a', 'sub/a.mp4', 'sub/a.mp4'],
    ['sub/deep/c', 'sub/deep/c.MTS', 'sub/deep/c.MTS'],
  ]);
  expect(notes).toEqual(['not taken: 3 files (e.mp4.part, notes.txt, sub/list.csv)']);
  expect(problems).toEqual([]);
});

it('give every video an id of its own, also as the name of a folder', async () => {
  await touch('a.mp4', 'a.avi', 'sub/x.mp4', 'sub_x.mp4', 'B.mp4', 'b.mov');
  expect(await idsOf()).toEqual(['a.avi', 'a.mp4', 'b.mov', 'B.mp4', 'sub_x', 'sub/x']);
});

it.skipIf(process.platform === 'win32')('follow links, once, and are not caught in circles', async () => {
  await touch('real/a.mp4', 'other/b.mp4');
  await symlink('..', join(folder, 'real', 'up'));
  await symlink('real', join(folder, 'again'));
  await symlink('gone.mp4', join(folder, 'broken.mp4'));
  await symlink('other/b.mp4', join(folder, 'linked.mp4'));
  const { rows, problems } = await readRows(folder);
  expect(rows.map(({ id }) => id)).toEqual(['linked', 'other/b', 'real/a']);
  expect(problems).toEqual(['broken.mp4: cannot be read: there is no such file or folder']);
});

it('leave the results of earlier runs out, aloud', async () => {
  await touch('a.mp4', 'l2caf-out/a/analysis.json', 'l2caf-out/a/overlay.mp4');
  const { rows, notes } = await readRows(folder);
  expect(rows.map(({ id }) => id)).toEqual(['a']);
  expect(notes).toEqual(['not taken: 1 folder with an analysis.json (l2caf-out/a)']);
});

it('of annotation files have one bad file where one is bad', async () => {
  const eaf = `<ANNOTATION_DOCUMENT><HEADER><MEDIA_DESCRIPTOR MEDIA_URL="drive.mp4"/></HEADER><TIME_ORDER><TIME_SLOT TIME_SLOT_ID="t1" TIME_VALUE="0"/><TIME_SLOT TIME_SLOT_ID="t2" TIME_VALUE="1000"/></TIME_ORDER><TIER TIER_ID="t"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="t1" TIME_SLOT_REF2="t2"/></ANNOTATION></TIER></ANNOTATION_DOCUMENT>`;
  await touch('drive.mp4', 'sub/drive.mp4', 'bad.eaf');
  await writeFile(join(folder, 'sub', 'one.eaf'), eaf);
  await writeFile(join(folder, 'one.EAF'), eaf);
  const { rows, problems } = await readRows(folder);
  expect(rows.map(({ id, place, videos }) => [id, place, videos[0]!.name])).toEqual([
    ['one-a1', 'one.EAF, line 1', 'drive.mp4'],
    ['sub/one-a1', 'sub/one.eaf, line 1', 'sub/drive.mp4'],
  ]);
  expect(problems).toEqual([expect.stringMatching(/^bad\.eaf, .*bad\.eaf cannot be used/)]);
});

it('of annotation files: addresses from the root stay, others begin in the subfolder', async () => {
  const media = ['file:///C:/x/a.mp4', 'file:///data/a.mp4', '../b.mp4', '\\\\server\\a.mp4', 'a:b.mp4'].map(
    (url) => `<MEDIA_DESCRIPTOR RELATIVE_MEDIA_URL="${url}"/>`,
  );
  const eaf = `<ANNOTATION_DOCUMENT><HEADER>${media.join('')}</HEADER><TIME_ORDER><TIME_SLOT TIME_SLOT_ID="t1" TIME_VALUE="0"/><TIME_SLOT TIME_SLOT_ID="t2" TIME_VALUE="1000"/></TIME_ORDER><TIER TIER_ID="t"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="t1" TIME_SLOT_REF2="t2"/></ANNOTATION></TIER></ANNOTATION_DOCUMENT>`;
  await touch('sub/drive.mp4', 'sub/notes.txt', 'top.eaf');
  await writeFile(join(folder, 'sub', 'one.eaf'), eaf);
  const { rows, problems, notes } = await readRows(folder);
  const names = rows[0]!.videos.map(({ name }) => name);
  for (const name of ['C:/x/a.mp4', '/data/a.mp4', 'sub/../b.mp4', '\\\\server\\a.mp4', 'sub/a:b.mp4', 'sub/b.mp4'])
    expect(names).toContain(name);
  expect(problems).toHaveLength(1);
  expect(notes).toEqual(['not taken: 1 file (sub/notes.txt)']); // videos are what the annotations speak of
});

it('number what would have the same id, and name no more than five of what is left out', async () => {
  await touch('a/b.mp4', 'a_b.mp4', ...[1, 2, 3, 4, 5, 10].map((n) => `n${n}.txt`));
  await touch('x/analysis.json', 'y/analysis.json');
  await touch('v.mp4', 'v.avi', 'v.avi.mkv');
  const { rows, notes } = await readRows(folder);
  expect(rows.map(({ id }) => id)).toEqual(['a_b', 'a/b', 'v.avi', '2-v.avi', 'v.mp4']);
  expect(rows[0]).toEqual({
    ...{ place: 'a_b.mp4', id: 'a_b', videos: [{ name: 'a_b.mp4' }], label: '', split: '' },
    extra: Object.create(null),
  });
  expect(notes).toEqual([
    'not taken: 6 files (n1.txt, n2.txt, n3.txt, n4.txt, n5.txt, …); 2 folders with an analysis.json (x, y)',
  ]);
});

it('that are not there are refused', async () => {
  await expect(folderRows(join(folder, 'gone'))).rejects.toMatchObject({
    code: 'input-unreadable',
    message: `cannot read ${join(folder, 'gone')}: there is no such file or folder`,
  });
});

it('with an analysis.json of their own are taken all the same', async () => {
  await touch('analysis.json', 'a.mp4');
  expect(await idsOf()).toEqual(['a']);
});

it('without a video are refused, with what they hold', async () => {
  await touch('notes.txt');
  const message = `${folder} cannot be used: the folder holds no video and no .eaf file`;
  await expect(readRows(folder)).rejects.toMatchObject({
    ...{ code: 'input-unreadable', message: `${message}; not taken: 1 file (notes.txt)` },
    hint: 'give a folder of clips or of ELAN files, or a list of events',
  });
  await rm(join(folder, 'notes.txt'));
  await expect(readRows(folder)).rejects.toMatchObject({ message });
});
