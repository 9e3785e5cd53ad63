/** Numbers as they are read: three digits in a cell, and in a sum as many as make it add up. */

const FEWEST = 3;
const MOST = 7; // decimals in a sum: float32 holds no more

/**
 * @typedef {Object} Numbers
 * @property {(value: number) => string} cell  three digits, a real minus sign
 * @property {(limit: number) => Shared} shared  how cells are written whose largest value is the limit
 * @property {(value: number, decimals: number) => string} fixed
 * @property {(value: number) => string} long  as many digits as float32 holds
 * @property {(value: number) => string} whole
 * @property {(share: number) => string} percent
 * @property {(count: number) => string} bytes
 * @property {(terms: number[], sum: number) => Added} addUp
 */

/**
 * Small numbers side by side: a power of ten that all have in common, and the rest.
 * @typedef {Object} Shared
 * @property {(value: number) => string} cell
 * @property {string} factor  as "× 10⁻⁴"; empty where none is needed
 */

/**
 * A sum as it is shown.
 * @typedef {Object} Added
 * @property {string[]} terms
 * @property {string} sum
 * @property {string | null} rounding  what the digits shown leave over, where they leave something
 * @property {number} decimals
 */

/** @param {string} language @returns {Numbers} */
export function createNumbers(language) {
  const format = (value, options) =>
    new Intl.NumberFormat(language, { useGrouping: false, ...options })
      .format(value === 0 ? 0 : value) // no -0
      .replace("-", "−");
  const fixed = (value, decimals) => {
    const shown = Math.abs(value) < 0.5 * 10 ** -decimals ? 0 : value; // -0.0001 is no "-0.000"
    return format(shown, { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  };
  const whole = (value) => format(value, { useGrouping: true, maximumFractionDigits: 0 });

  function cell(value) {
    if (Number.isNaN(value)) return "NaN";
    if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
    const size = Math.abs(value);
    if (value === 0 || (Number.isInteger(value) && size < 1000)) return format(value);
    if (size < 0.001 || size >= 9999.5) return scientific(value, 2);
    return format(value, { maximumSignificantDigits: 3, minimumSignificantDigits: 3 });
  }

  function scientific(value, decimals) {
    const [mantissa, exponent] = value.toExponential(decimals).split("e");
    return `${fixed(Number(mantissa), decimals)}e${exponent.replace("+", "").replace("-", "−")}`;
  }

  function long(value) {
    if (!Number.isFinite(value)) return cell(value);
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-4 || size >= 1e7)) return scientific(value, 6);
    return format(value, { maximumSignificantDigits: 7 });
  }

  function bytes(count) {
    const units = language === "fr" ? ["o", "ko", "Mo", "Go"] : ["B", "kB", "MB", "GB"];
    const power = count < 1000 ? 0 : Math.min(3, Math.floor(Math.log10(count) / 3));
    const digits = power === 0 ? 0 : count / 1000 ** power < 100 ? 1 : 0;
    return `${format(count / 1000 ** power, { maximumFractionDigits: digits })} ${units[power]}`;
  }

  /** A power of ten is taken out where else most cells would be too long to be read. */
  function shared(limit) {
    if (!(limit > 0 && limit < 0.02)) return { cell, factor: "" };
    const power = Math.floor(Math.log10(limit));
    const raised = String(-power).replace(/\d/g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]);
    const scaled = (value) => {
      const rest = value / 10 ** power;
      return Math.abs(rest) < 0.001 ? (rest === 0 ? "0" : rest > 0 ? "≈0" : "≈−0") : cell(rest);
    };
    return { cell: scaled, factor: `× 10⁻${raised}` };
  }

  return {
    cell,
    shared,
    fixed,
    long,
    whole,
    bytes,
    percent: (share) => format(share, { style: "percent", maximumFractionDigits: 1 }),
    addUp: (terms, sum) => addUp(terms, sum, fixed),
  };
}

/**
 * Round terms and sum to as few decimals as let the shown terms add up to the shown sum. Where none
 * do (float32 itself has rounded), the rest is shown as a term of its own, never hidden in another.
 */
function addUp(terms, sum, fixed) {
  // Where all is small, the first digits that say something lie further back.
  const size = Math.max(1e-12, Math.abs(sum), ...terms.map(Math.abs));
  const first = Math.max(FEWEST, FEWEST - 1 - Math.floor(Math.log10(size)));
  for (let decimals = first; decimals <= Math.max(MOST, first + 3); decimals++) {
    if (restOf(terms, sum, decimals) === 0) return shown(terms, sum, decimals, fixed);
  }
  return shown(terms, sum, Math.max(MOST, first + 3), fixed);
}

const units = (value, decimals) => Math.round(Number(`${value}e${decimals}`)) || 0;

// A value may come in scientific notation already; Number("1e-7e3") is none.
const unitsOf = (value, decimals) =>
  String(value).includes("e") ? Math.round(value * 10 ** decimals) : units(value, decimals);

function restOf(terms, sum, decimals) {
  return unitsOf(sum, decimals) - terms.reduce((total, x) => total + unitsOf(x, decimals), 0);
}

function shown(terms, sum, decimals, fixed) {
  const write = (x) => fixed(unitsOf(x, decimals) / 10 ** decimals, decimals);
  const rest = restOf(terms, sum, decimals);
  return {
    terms: terms.map(write),
    sum: write(sum),
    rounding: rest === 0 ? null : fixed(rest / 10 ** decimals, decimals),
    decimals,
  };
}
