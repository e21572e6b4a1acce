/** The tables and figures of the paper that can be made again, apart from the code that does it. */

/** What can be asked for. */
export const PAPER_ITEMS = ['table1', 'table2', 'table3', 'fig6', 'fig7', 'fig9', 'fig10', 'fig11', 'fig12'] as const;
/** See {@link PAPER_ITEMS}. */
export type PaperItem = (typeof PAPER_ITEMS)[number];

/** A table of localization. */
export interface PaperTable {
  readonly title: string;
  /** What its networks answer with. */
  readonly kind: 'scores' | 'embedding';
  /** In the order of the rows. */
  readonly methods: readonly string[];
  /** The networks and data of the paper. */
  readonly networks: readonly string[];
  readonly data: string;
}

const CLASS_METHODS = ['cam', 'gradcam', 'gradcam-abs', 'l2caf-class', 'l2caf-oblivious'];

/** The tables, as far as they are about still pictures. */
export const PAPER_TABLES: Readonly<Record<'table1' | 'table2' | 'table3', PaperTable>> = {
  table1: {
    title: 'Table 1: objects that classification networks find',
    kind: 'scores',
    methods: CLASS_METHODS,
    networks: ['GoogLeNet', 'ResNetV2-50', 'DenseNet-161'],
    data: 'the validation pictures of ILSVRC 2012',
  },
  table2: {
    title: 'Table 2: objects that networks find which are made to localize, and plain ones',
    kind: 'scores',
    methods: [...CLASS_METHODS, 'acol'],
    networks: ['VGG16-GAP', 'ResNet50-SE', 'MobileNet, each as it is, with ACoL and with ADL'],
    data: 'CUB-200-2011 or ILSVRC 2012',
  },
  table3: {
    title: 'Table 3: objects that retrieval networks find',
    kind: 'embedding',
    methods: ['gradcam', 'gradcam-abs', 'l2caf-oblivious'],
    networks: ['networks trained with triplet and with N-pair loss'],
    data: 'the unseen classes of CUB-200-2011 or Cars196',
  },
};

/** A figure of maps over pictures, with their numbers. */
export interface PaperFigure {
  readonly title: string;
  /** What is compared in a row. */
  readonly compares: 'constraints' | 'sanity' | 'methods';
  /** What its networks answer with; absent: with either. */
  readonly kind?: PaperTable['kind'];
  /** Where methods are compared: which, in the order of the columns. */
  readonly methods?: readonly string[];
  /** The networks and data of the paper, as far as its methods are known here. */
  readonly networks: readonly string[];
  readonly data: string;
}

/** The figures, as far as they are about still pictures and more than times. */
export const PAPER_FIGURES: Readonly<Record<'fig6' | 'fig7' | 'fig10' | 'fig11', PaperFigure>> = {
  fig6: {
    title: 'Figure 6: maps of classification networks, method by method',
    compares: 'methods',
    kind: 'scores',
    methods: PAPER_TABLES.table2.methods,
    networks: ['classification networks, as in Tables 1 and 2'],
    data: 'pictures of their classes',
  },
  fig7: {
    title: 'Figure 7: maps of retrieval networks, method by method',
    compares: 'methods',
    kind: 'embedding',
    methods: PAPER_TABLES.table3.methods,
    networks: ['retrieval networks, as in Table 3'],
    data: 'pictures of unseen classes',
  },
  fig10: {
    title: 'Figure 10: do maps depend on what was learnt?',
    compares: 'sanity',
    networks: ['a pre-trained network, re-initialised from the output down'],
    data: 'pictures of its classes',
  },
  fig11: {
    title: 'Figure 11: the same targets under four constraints',
    compares: 'constraints',
    networks: ['a pre-trained classification network'],
    data: 'pictures of its classes',
  },
};

/** Which item is a table of what is measured on pictures. */
export function tableOf(item: PaperItem): PaperTable | undefined {
  return Object.hasOwn(PAPER_TABLES, item) ? PAPER_TABLES[item as keyof typeof PAPER_TABLES] : undefined;
}

/** Which item is a figure of pictures. */
export function figureOf(item: PaperItem): PaperFigure | undefined {
  return Object.hasOwn(PAPER_FIGURES, item) ? PAPER_FIGURES[item as keyof typeof PAPER_FIGURES] : undefined;
}
