import { MailParser, type MailParserOptions } from 'mailparser';
import { limits } from './limits.js';

/** What is wanted of a mail: its own header fields as they stand, and the decoded text of its leaf parts. */
export interface MimeTree {
  /** Name in lower case; `line` is the field with its name and folding, a character per byte. */
  readonly header: readonly { readonly key: string; readonly line: string }[];
  readonly leaves: readonly string[];
}

/** The bounds are options of mailparser's splitter, which its types leave out. */
const options: MailParserOptions & { maxHeadSize: number; maxChildNodes: number; defaultInlineEmbedded: boolean } = {
  maxHeadSize: limits.mailHeaderBytes,
  maxChildNodes: limits.mailParts,
  defaultInlineEmbedded: true,
  keepDeliveryStatus: true,
  skipHtmlToText: true,
  skipImageLinks: true,
  skipTextLinks: true,
  skipTextToHtml: true,
};

/**
 * Takes a mail apart into header and leaves; a text/html leaf is left out. Rejects with whatever mailparser reports,
 * `code` `EMAXLEN` when a header is over 32 KiB or there are more than 32 parts.
 */
export function parseMimeTree(raw: Uint8Array): Promise<MimeTree> {
  return new Promise((resolve, reject) => {
    const parser = new MailParser(options);
    const leaves: string[] = [];
    let header: MimeTree['header'] = [];
    parser.on('headerLines', (lines) => {
      header = lines;
    });
    parser.on('data', (part) => {
      if (part.type === 'text') {
        if (part.text !== undefined) leaves.push(part.text);
        return;
      }
      const chunks: Uint8Array[] = [];
      part.content.on('data', (chunk: Uint8Array) => chunks.push(chunk));
      part.content.on('error', reject);
      part.content.on('end', () => {
        leaves.push(Buffer.concat(chunks).toString('latin1'));
        part.release();
      });
    });
    parser.on('error', reject);
    parser.on('end', () => resolve({ header, leaves }));
    parser.end(Buffer.from(raw));
  });
}
