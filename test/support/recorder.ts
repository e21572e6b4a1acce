/** A canvas that writes down what is drawn on it, in numbers of two decimals; every letter is as wide as the others. */
import type { SKRSContext2D } from '@napi-rs/canvas';

/** The context of such a canvas, and what was drawn so far, a line each. */
interface Recorder {
  readonly context: SKRSContext2D;
  readonly calls: string[];
}

const IN_COLOUR: Readonly<Record<string, string>> = {
  fillRect: 'fillStyle',
  strokeRect: 'strokeStyle',
  fillText: 'fillStyle',
};
const SHOWN = [
  'fillRect',
  'strokeRect',
  'fillText',
  'roundRect',
  'rect',
  'moveTo',
  'lineTo',
  'setLineDash',
  'translate',
];
const SILENT = ['beginPath', 'fill', 'clip', 'save', 'restore'];

/** A new one, whose letters are so wide, pixels. */
export function recorder(letterPx = 8): Recorder {
  const calls: string[] = [];
  const state: Record<string, unknown> = {};
  const words = (values: readonly unknown[]): string =>
    values
      .flat()
      .map((value) => (typeof value === 'number' ? Math.round(value * 100) / 100 : value))
      .join(' ');
  const context = new Proxy(state, {
    get: (_, name: string) => {
      if (name === 'measureText') return (text: string) => ({ width: letterPx * text.length });
      if (name === 'stroke') return () => calls.push(`stroke ${state['strokeStyle']} ${state['lineWidth']}`);
      if (SILENT.includes(name)) return () => {};
      if (!SHOWN.includes(name)) return state[name];
      const ink = IN_COLOUR[name];
      const align = name === 'fillText' && state['textAlign'] !== 'left' ? ` ${state['textAlign']}` : '';
      return (...values: unknown[]) => calls.push(`${name} ${words(values)}${ink ? ` ${state[ink]}` : ''}${align}`);
    },
    set: (_, name: string, value) => {
      state[name] = value;
      return true;
    },
  });
  return { context: context as unknown as SKRSContext2D, calls };
}
