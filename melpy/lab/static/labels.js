/** The names of rows or columns that count on from a number. */
export const namesFrom = (first, count) =>
  Array.from({ length: count }, (_, n) => String(first + n).replace("-", "−"));
