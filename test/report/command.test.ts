import { expect, test } from 'vitest';
import { loadCommand } from '../../src/cli/commands.ts';
import { videoOptionsOf } from '../../src/cli/style-options.ts';
import { renderCommand, type Settings } from '../../src/report/page/command.ts';
import { defaultStyle } from '../../src/video/drawing/style.ts';

const plain: Settings = { mode: 'contour', normalize: 'frame', fade: true, style: defaultStyle, boxes: false };

test('says what differs from the defaults', () => {
  expect(renderCommand(plain, true)).toBe('l2caf render analysis.json');
  const style = { ...defaultStyle, colormap: 'turbo' as const, levels: [0.4, 0.8], opacity: 0.35 };
  expect(
    renderCommand({ mode: 'both', normalize: 'clip', fade: false, style, boxes: true }, true, ['0,620,1280,100']),
  ).toBe(
    'l2caf render analysis.json --style both --colormap turbo --levels 0.4,0.8 --alpha 0.35 --normalize clip --show-objects --ignore 0,620,1280,100',
  );
  expect(renderCommand({ ...plain, mode: 'signed', fade: false }, true)).toBe(
    'l2caf render analysis.json --style both --signed --no-fade',
  );
  expect(renderCommand({ ...plain, fade: false }, false)).toBe('l2caf render analysis.json');
  expect(renderCommand({ ...plain, mode: 'both', style: { ...defaultStyle, levels: [] } }, true)).toBe(
    'l2caf render analysis.json --style heatmap',
  );
});

test('is none where nothing is drawn', () => {
  expect(renderCommand({ ...plain, mode: 'none' }, true)).toBeUndefined();
  expect(renderCommand({ ...plain, style: { ...defaultStyle, levels: [] } }, true)).toBeUndefined();
});

test('is understood by the command', async () => {
  const style = { ...defaultStyle, colormap: 'magma' as const, levels: [0.3], opacity: 0.2 };
  const line = renderCommand({ mode: 'both', normalize: 'none', fade: true, style, boxes: true }, true)!;
  const command = await loadCommand('render');
  let flags: Parameters<typeof videoOptionsOf>[0] | undefined;
  command.action((_: unknown, own: typeof flags) => {
    flags = own;
  });
  await command.parseAsync(line.split(' ').slice(2), { from: 'user' });
  const { style: understood, ...options } = videoOptionsOf(flags!);
  expect(understood).toEqual({ ...style, kind: 'both' });
  expect(options).toMatchObject({ normalize: 'none', signed: false, fade: true, showObjects: true });
});
