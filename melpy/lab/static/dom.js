/** Making elements. Text is always text: nothing here parses markup. */

const SVG = "http://www.w3.org/2000/svg";
const MATH = "http://www.w3.org/1998/Math/MathML";

/**
 * @typedef {Node | string | number | null | undefined | false} Child
 * @typedef {Record<string, any>} Attributes  `class`, `onclick` and the like, `hidden`, ...
 */

/** An HTML element. @param {string} tag @param {Attributes} attributes @param {...(Child | Child[])} children */
export const el = (tag, attributes = {}, ...children) =>
  filled(document.createElement(tag), attributes, children);

/** An SVG element. @param {string} tag @param {Attributes} attributes @param {...(Child | Child[])} children */
export const svg = (tag, attributes = {}, ...children) =>
  filled(document.createElementNS(SVG, tag), attributes, children);

/** A MathML element. @param {string} tag @param {Attributes} attributes @param {...(Child | Child[])} children */
export const math = (tag, attributes = {}, ...children) =>
  filled(document.createElementNS(MATH, tag), attributes, children);

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on") && typeof value === "function") {
      node.addEventListener(name.slice(2), value);
    } else if (value === true) {
      node.setAttribute(name, "");
    } else if (value !== false && value !== null && value !== undefined) {
      node.setAttribute(name, String(value));
    }
  }
  node.append(
    ...children
      .flat(3)
      .filter((c) => c || c === 0)
      .map(asNode),
  );
  return node;
}

const asNode = (child) => (child instanceof Node ? child : document.createTextNode(String(child)));

/** Put other children into a node. @param {Element} node @param {...(Child | Child[])} children */
export function refill(node, ...children) {
  node.replaceChildren(
    ...children
      .flat(3)
      .filter((c) => c || c === 0)
      .map(asNode),
  );
  return node;
}

let made = 0;

/** An id that no other element has. @param {string} stem */
export const newId = (stem) => `${stem}-${++made}`;
