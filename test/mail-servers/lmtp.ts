import { connect } from 'node:net';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import type { AcceptedMail } from '../../src/demo/embedded-smtp.js';

/** Hands a mail over by LMTP (RFC 2033) on a unix socket; rejects with the server's words and `responseCode`. */
export async function deliverByLmtp(path: string, mail: AcceptedMail): Promise<void> {
  const client = new SMTPConnection({ connection: connect(path), lmtp: true, name: 'localhost', ignoreTLS: true });
  try {
    await new Promise<void>((resolve, reject) => {
      client.once('error', reject);
      client.once('end', () => reject(new Error('The LMTP server closed the connection')));
      client.connect(() => {
        const envelope = { from: mail.from, to: [...mail.recipients] };
        client.send(envelope, Buffer.from(mail.bytes), (error, info) => {
          const refused = error ?? info?.rejectedErrors?.[0];
          if (refused) {
            reject(refused);
          } else if (info.rejected.length > 0) {
            // Each recipient has an answer of its own after the data, whose errors the library keeps to itself.
            reject(Object.assign(new Error(info.response), { responseCode: Number.parseInt(info.response, 10) }));
          } else {
            resolve();
          }
        });
      });
    });
  } finally {
    client.close();
  }
}
