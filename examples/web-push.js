// An app server that knows nothing of mail: npm's web-push, as it is.
//
//   node examples/web-push.js subscription.json "Hello"
//
// subscription.json is what the app has given: {"endpoint":"https://…","keys":{"p256dh":"…","auth":"…"}}. If the app registered with a
// VAPID key, its pair is in VAPID_PUBLIC_KEY and VAPID_PRIVATE_KEY, and VAPID_SUBJECT says whom to write to.
import { readFile } from 'node:fs/promises';
import webPush from 'web-push';

const [file, text = 'Hello'] = process.argv.slice(2);
const subscription = JSON.parse(await readFile(file, 'utf8'));
const { VAPID_SUBJECT: subject, VAPID_PUBLIC_KEY: publicKey, VAPID_PRIVATE_KEY: privateKey } = process.env;
const vapid = publicKey === undefined ? {} : { vapidDetails: { subject, publicKey, privateKey } };

try {
  await webPush.sendNotification(subscription, text, { TTL: 3600, urgency: 'high', ...vapid });
  console.log('The gateway has mailed it.');
} catch (error) {
  if (!(error instanceof webPush.WebPushError)) throw error;
  const { statusCode, headers } = error;
  if (statusCode === 404 || statusCode === 410) {
    console.error('This endpoint is no more: forget it.');
  } else if (statusCode === 429 || statusCode === 503) {
    console.error(`Nothing was taken: try again in ${headers['retry-after']} s.`);
  } else {
    console.error(`Refused with ${statusCode}: ${error.body}`);
  }
  process.exitCode = 1;
}
