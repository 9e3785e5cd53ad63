/** The names of rows or columns that count on from a number. */
export const namesFrom = (first, count) =>
  Array.from({ length: count }, (_, n) => String(first + n).replace("-", "−"));

/** The names of an output's rows and columns, as the whole output counts. */
export const outputLabels = ({ first, outRows, outColumns }) => ({
  rowLabels: namesFrom(first[0], outRows),
  columnLabels: namesFrom(first[1], outColumns),
});
