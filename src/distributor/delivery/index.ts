export { hasLeft, type Limit, nextAt, spend, timely } from './allowance.js';
export { type Courier, type CourierWork, createCourier, type Happening } from './courier.js';
export { nextDue } from './due.js';
export { type Expected, type Inside, judge, type OpenedMail, type Signer } from './judge.js';
export {
  type ChannelState,
  type DeliveryEvent,
  type Discard,
  type Effect,
  type Ending,
  initialChannelState,
  type OpenPush,
  type Outcome,
  type Push,
  type PushLabel,
  type Stage,
  type TopicMark,
  type Verdict,
} from './state.js';
export { type Step, step } from './step.js';
export { type ChannelSummary, summarize } from './summary.js';
export { pushLimit } from './timing.js';
export { isLater } from './topics.js';
export { type Announcement, nobody, type Pin, sameTrust, type Trust } from './trust.js';
