/** Colours for kinds of things, told apart by all common kinds of colour vision (Okabe and Ito), on white. */

/** Seven colours, the most different ones first; CSS. Their yellow is left out: on white it cannot be seen. */
export const CATEGORY_COLORS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'] as const;
