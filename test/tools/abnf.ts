/** The core rules that are used (RFC 5234 appendix B.1). */
const core = `
ALPHA  = %x41-5A / %x61-7A
DIGIT  = %x30-39
HEXDIG = DIGIT / "A" / "B" / "C" / "D" / "E" / "F"
SP     = %x20
HTAB   = %x09
`;

const token =
  /\s+|(?<cased>%s)?"(?<literal>[^"]*)"|%x(?<from>[0-9A-F]+)(?:-(?<to>[0-9A-F]+))?|(?<least>\d*)\*(?<most>\d*)|(?<count>\d+)|(?<rule>[A-Za-z][A-Za-z0-9-]*)|(?<mark>[()[\]/])/gy;

/** Turns ABNF rules (RFC 5234, RFC 7405) into regular expressions; rules must not be recursive. */
export function compileAbnf(source: string): (rule: string) => RegExp {
  const rules = new Map<string, string>();
  // A rule begins at the margin and goes on in indented lines; ";" outside of quotes begins a comment.
  const text = `${core}\n${source}`.replace(/("[^"\n]*")|;[^\n]*/g, '$1');
  for (const rule of text.split(/\n(?=\S)/)) {
    const [, name, elements] = /^([A-Za-z][A-Za-z0-9-]*)\s*=([\s\S]*)$/.exec(rule.trim()) ?? [];
    if (name === undefined || elements === undefined) {
      if (rule.trim() !== '') throw new Error(`This is no ABNF rule: ${rule}`);
    } else if (rules.has(name)) {
      throw new Error(`The rule ${name} is there twice.`);
    } else {
      rules.set(name, elements);
    }
  }
  const expand = (name: string): string => {
    const elements = rules.get(name);
    if (elements === undefined) throw new Error(`The rule ${name} is used and not defined.`);
    return `(?:${translate(elements, expand)})`;
  };
  for (const name of rules.keys()) expand(name);
  return (name) => new RegExp(`^${expand(name)}$`);
}

function translate(elements: string, expand: (rule: string) => string): string {
  let pattern = '';
  let repeat = '';
  const put = (element: string): void => {
    pattern += `${element}${repeat}`;
    repeat = '';
  };
  // Repetition stands in front of its element, and for a group it comes behind the closing bracket.
  const open: string[] = [];
  let end = 0;
  for (const match of elements.matchAll(token)) {
    end = match.index + match[0].length;
    const { cased, literal, from, to, least, most, count, rule, mark } = match.groups ?? {};
    if (literal !== undefined) put(`(?:${literalPattern(literal, cased !== undefined)})`);
    else if (from !== undefined) put(`[\\x${from}-\\x${to ?? from}]`);
    else if (rule !== undefined) put(expand(rule));
    else if (least !== undefined) repeat = `{${least || '0'},${most}}`;
    else if (count !== undefined) repeat = `{${count}}`;
    else if (mark === '/') pattern += '|';
    else if (mark === ')' || mark === ']') pattern += `)${open.pop() ?? ''}`;
    else if (mark !== undefined) {
      open.push(mark === '[' ? '?' : repeat);
      repeat = '';
      pattern += '(?:';
    }
  }
  if (end !== elements.length || open.length > 0) throw new Error(`These ABNF elements cannot be read: ${elements}`);
  return pattern;
}

function literalPattern(literal: string, cased: boolean): string {
  const chars = [...literal].map((char) => {
    const escaped = char.replace(/[^A-Za-z0-9]/, '\\$&');
    return cased || !/[a-z]/i.test(char) ? escaped : `[${char.toLowerCase()}${char.toUpperCase()}]`;
  });
  return chars.join('');
}
