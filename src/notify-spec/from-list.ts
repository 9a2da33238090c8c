/** More addresses than that tell nothing more: several are several. */
const maxAddresses = 32;

/**
 * The addresses of a From value, as they stand, without display names and comments; at most the first 32. Liberal: what is
 * no address comes back as it is, because what counts is how many there are (RFC 5322 §3.4). Time grows with the length
 * alone.
 */
export function listAddresses(value: string): readonly string[] {
  const addresses: string[] = [];
  let text = '';
  let bracketed: string | undefined;
  let inBrackets = false;
  let inQuotes = false;
  let commentDepth = 0;
  const finish = (): void => {
    const address = (bracketed ?? text).trim();
    if (address !== '' && addresses.length < maxAddresses) addresses.push(address);
    text = '';
    bracketed = undefined;
    inBrackets = false;
  };
  for (let at = 0; at < value.length; at++) {
    const char = value[at] ?? '';
    if (char === '\\' && (inQuotes || commentDepth > 0)) at++;
    else if (inQuotes) inQuotes = char !== '"';
    else if (char === '(') commentDepth++;
    else if (commentDepth > 0) commentDepth -= char === ')' ? 1 : 0;
    else if (char === '"') inQuotes = true;
    else if (char === '<') [inBrackets, bracketed] = [true, ''];
    else if (char === '>') inBrackets = false;
    else if (inBrackets) bracketed = `${bracketed}${char}`;
    else if (char === ',' || char === ';') finish();
    else if (char === ':') text = '';
    else text += char;
  }
  finish();
  return addresses;
}
