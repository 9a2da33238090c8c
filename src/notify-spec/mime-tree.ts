import { type Headers, MailParser, type MailParserOptions } from 'mailparser';
import { limits } from './limits.js';

/** One leaf of a mail, decoded, a character per byte unless it is inline text. */
export interface MimeLeaf {
  readonly mediaType: string;
  readonly content: string;
}

/** What is wanted of a mail: its own header fields as they stand, and its leaves. */
export interface MimeTree {
  /** Name in lower case; `line` is the field with its name and folding, a character per byte. */
  readonly header: readonly { readonly key: string; readonly line: string }[];
  readonly leaves: readonly MimeLeaf[];
}

/**
 * The bounds are options of mailparser's splitter, which its types leave out. `ignoreEmbedded` makes a leaf of a
 * message/rfc822 part: entering it, mailparser 3.9.31 waits for ever on an embedded message that is empty.
 */
const options: MailParserOptions & { maxHeadSize: number; maxChildNodes: number; ignoreEmbedded: boolean } = {
  maxHeadSize: limits.mailHeaderBytes,
  maxChildNodes: limits.mailParts,
  ignoreEmbedded: true,
  keepDeliveryStatus: true,
  skipHtmlToText: true,
  skipImageLinks: true,
  skipTextLinks: true,
  skipTextToHtml: true,
};

const bareCr = /\r(?!\n)/g;
const longBlanks = /[ \t]{80,}/g;

/**
 * Takes a mail apart into header and leaves; inline text/plain parts come together as one leaf, text/html ones are left
 * out. Rejects with whatever mailparser reports, `code` `EMAXLEN` when a header is over 32 KiB or there are more than 32
 * parts.
 */
export function parseMimeTree(raw: Uint8Array): Promise<MimeTree> {
  return new Promise((resolve, reject) => {
    const parser = new MailParser(options);
    const leaves: MimeLeaf[] = [];
    let header: MimeTree['header'] = [];
    parser.on('headerLines', (lines) => {
      header = lines;
    });
    parser.on('data', (part) => {
      if (part.type === 'text') {
        if (part.text !== undefined) leaves.push({ mediaType: 'text/plain', content: part.text });
        return;
      }
      const chunks: Uint8Array[] = [];
      part.content.on('data', (chunk: Uint8Array) => chunks.push(chunk));
      part.content.on('error', reject);
      part.content.on('end', () => {
        leaves.push({ mediaType: declaredType(part.headers), content: Buffer.concat(chunks).toString('latin1') });
        part.release();
      });
    });
    parser.on('error', reject);
    parser.on('end', () => resolve({ header, leaves }));
    parser.end(withoutLongRuns(raw));
  });
}

/** mailparser's own guess goes by the file name before it goes by the header. */
function declaredType(headers: Headers): string {
  const value = headers.get('content-type');
  return typeof value === 'object' && 'params' in value ? String(value.value).toLowerCase() : '';
}

/**
 * mailparser and what it is made of (libqp 2.1.2, mailsplit 5.4.19) look for blanks and line breaks at ends of text in
 * quadratic time: one mail of spaces would stop everything for 20 s. Neither long runs of blanks nor a CR on its own mean
 * anything in a push mail.
 */
function withoutLongRuns(raw: Uint8Array): Buffer {
  const text = Buffer.from(raw).toString('latin1');
  return Buffer.from(text.replace(bareCr, ' ').replace(longBlanks, ' '), 'latin1');
}
