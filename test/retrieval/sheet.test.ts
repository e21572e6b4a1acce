import { expect, it } from 'vitest';
import { colorBeside } from '../../src/retrieval/sheet.ts';
import { OKABE_ITO } from '../../src/video/drawing/palette.ts';

it('the bar of a neighbour tells the same label, another, and that one of the two has none', () => {
  const [stop, turn, none] = [{ label: 'stop' }, { label: 'turn' }, {}];
  expect([stop, turn].map((own) => colorBeside(stop, own))).toEqual([OKABE_ITO.blue, OKABE_ITO.orange]);
  const grey = colorBeside(none, stop);
  expect([OKABE_ITO.blue, OKABE_ITO.orange]).not.toContain(grey);
  expect([colorBeside(stop, none), colorBeside(none, none)]).toEqual([grey, grey]);
});
