/** Files of objects for tests, one of every kind: car 3 moves right by 2 pixels a frame, a sign without an id stands still. */

const FRAMES = [0, 1, 2, 3, 4, 5];
const car = (frame: number): readonly [number, number, number, number] => [10 + 2 * frame, 20, 30, 16];
const SIGN = [100, 8, 8, 10] as const;
const corners = ([x, y, w, h]: readonly [number, number, number, number]): number[] => [x, y, x + w, y + h];

const lines = (...all: readonly (readonly (string | number)[])[]): string =>
  `${all.map((l) => l.join(',')).join('\n')}\n`;

const images = FRAMES.map((frame) => ({ id: frame + 10, file_name: `frame_${frame}.png`, width: 160, height: 96 }));
const supervision = (
  frame: number,
  box: readonly [number, number, number, number],
  id: number | string,
  name: string,
) => {
  const [x_min, y_min, x_max, y_max] = corners(box) as [number, number, number, number];
  return {
    ...{ x_min, y_min, x_max, y_max, class_id: 2, confidence: 0.9, tracker_id: id, class_name: name },
    frame_index: frame,
  };
};
const supervised = FRAMES.flatMap((n) => [supervision(n, car(n), 3, 'car'), supervision(n, SIGN, '', 'sign')]);

/** By name; every file says the same, as far as its kind can. */
export const OBJECT_FILES: Readonly<Record<string, string>> = {
  'boxes.csv': lines(
    ['Frame No', 'Track ID', 'Class', 'x', 'y', 'Width', 'Height', 'Score'],
    ...FRAMES.flatMap((n) => [
      [n, 3, 'car', ...car(n), 0.9],
      [n, '', 'sign', ...SIGN, 0.4],
    ]),
  ),
  'times.csv': lines(
    ['time', 'id', 'label', 'left', 'top', 'right', 'bottom'],
    ...FRAMES.flatMap((n) => [
      [n / 25, 3, 'car', ...corners(car(n))],
      [n / 25, '', 'sign', ...corners(SIGN)],
    ]),
  ),
  'mot.txt': lines(
    ...FRAMES.flatMap((n) => [
      [n + 1, 3, ...car(n), 1, 3, 1],
      [n + 1, -1, ...SIGN, 1, 9, 1],
      [n + 1, 8, 0, 0, 5, 5, 0, 9, 1],
    ]),
  ),
  'sink.csv': lines(Object.keys(supervised[0]!), ...supervised.map((row) => Object.values<string | number>(row))),
  'sink.json': JSON.stringify(supervised),
  'coco.json': JSON.stringify({
    images,
    categories: [
      { id: 1, name: 'car' },
      { id: 2, name: 'sign' },
    ],
    annotations: FRAMES.flatMap((n) => [
      { id: 2 * n, image_id: n + 10, category_id: 1, bbox: car(n), attributes: { track_id: 3 } },
      { id: 2 * n + 1, image_id: n + 10, category_id: 2, bbox: SIGN },
    ]),
  }),
  'results.json': JSON.stringify(
    FRAMES.flatMap((n) => [
      { image_id: n, category_id: 1, bbox: car(n), score: 0.9, track_id: 3 },
      { image_id: n, category_id: 2, bbox: SIGN, score: 0.4 },
    ]),
  ),
  'cvat.xml':
    '<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version><meta><task><stop_frame>5</stop_frame>' +
    '<original_size><width>160</width><height>96</height></original_size></task></meta>' +
    '<track id="3" label="car"><box frame="0" outside="0" keyframe="1" xtl="10" ytl="20" xbr="40" ybr="36">' +
    '<attribute name="parked">no</attribute></box>' +
    '<box frame="5" outside="1" keyframe="1" xtl="20" ytl="20" xbr="50" ybr="36"></box></track>' +
    '<track id="4" label="sign"><box frame="0" outside="0" keyframe="1" xtl="100" ytl="8" xbr="108" ybr="18"></box></track>' +
    '</annotations>',
};
