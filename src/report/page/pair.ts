/** Two reports beside each other, over the index: when one shows another moment, so does the other, unless they are set free. */
import type { IndexRow } from '../page-data.ts';
import { addressOf, element } from './dom.ts';
import { isPlayhead } from './linked.ts';

/** Events that can be chosen, two at a time, and looked at together. */
export class Pair {
  /** Opens the two that are chosen. */
  readonly button: HTMLButtonElement = element('button', { type: 'button' });
  readonly #chosen = new Map<HTMLInputElement, IndexRow>();

  constructor() {
    this.button.addEventListener('click', () => this.#open());
    this.#tell();
  }

  /** The box with which an event is chosen; undefined for one without a report. */
  boxFor(row: IndexRow): HTMLInputElement | undefined {
    if (row.report === undefined) return undefined;
    const box = element('input', { type: 'checkbox', class: 'choose', 'aria-label': `compare ${row.id}` });
    box.addEventListener('change', () => {
      if (!box.checked) this.#chosen.delete(box);
      else {
        const [first] = this.#chosen.keys();
        if (this.#chosen.size === 2 && first) {
          first.checked = false; // the one that was chosen first makes room
          this.#chosen.delete(first);
        }
        this.#chosen.set(box, row);
      }
      this.#tell();
    });
    return box;
  }

  #tell(): void {
    const { size } = this.#chosen;
    this.button.disabled = size !== 2;
    this.button.textContent =
      size === 2 ? 'Compare the two' : `Compare (choose ${2 - size}${size === 1 ? ' more' : ''})`;
  }

  #open(): void {
    const frames = [...this.#chosen.values()].map(({ id, report }) =>
      element('iframe', { src: addressOf(report!), title: `Report of ${id}` }),
    );
    const isLinked = element('input', { type: 'checkbox', checked: true });
    const close = element('button', { type: 'button' }, 'Close');
    const dialog = element(
      'dialog',
      { class: 'pair', 'aria-label': 'Two events beside each other' },
      element(
        'div',
        { class: 'pair-head' },
        element('label', {}, isLinked, ' Show the same moment of both, counted from their starts'),
        close,
      ),
      element('div', { class: 'pair-frames' }, ...frames),
    );
    const relay = ({ source, data }: MessageEvent<unknown>): void => {
      const from = frames.findIndex(({ contentWindow }) => contentWindow === source);
      // Pages from a disk have no origin that could be named; what is passed on is a number.
      if (from >= 0 && isLinked.checked && isPlayhead(data)) frames[1 - from]!.contentWindow?.postMessage(data, '*');
    };
    addEventListener('message', relay);
    close.addEventListener('click', () => dialog.close());
    dialog.addEventListener('close', () => {
      removeEventListener('message', relay);
      dialog.remove();
      this.button.focus();
    });
    document.body.append(dialog);
    dialog.showModal();
  }
}
