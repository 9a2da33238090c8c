export { type Courier, type CourierWork, createCourier, type Happening } from './courier.js';
export { type Expected, type Inside, judge, type OpenedMail, type Signer } from './judge.js';
export { nextDue } from './schedule.js';
export {
  type ChannelState,
  type DeliveryEvent,
  type Discard,
  type Effect,
  initialChannelState,
  type OpenPush,
  type Outcome,
  type Pin,
  type Push,
  type Stage,
  type Verdict,
} from './state.js';
export { type Step, step } from './step.js';
export { type ChannelSummary, summarize } from './summary.js';
