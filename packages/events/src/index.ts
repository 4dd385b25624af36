export { childEventId } from './child-event-id.ts'
export {
  cloudEventHeaderNames,
  cloudEventHeaders,
  cloudEventHeaderValues,
  type CloudEventAttributes,
} from './cloud-events.ts'
export {
  ContractRegistry,
  defineEvent,
  type DataOf,
  type EventContract,
  type Upcaster,
} from './contract.ts'
export { createEvent, type CausationContext, type NewEvent } from './create-event.ts'
export { decodeEvent, decodeForeign, type DecodeResult, type RecordFacts } from './decode.ts'
export { EnvelopeSchema, UuidSchema, type EventEnvelope } from './envelope.ts'
export { EventsError, eventsErrors } from './errors.ts'
export { encodeKey, isKeyOf, keyText, type KeyFormat } from './key-format.ts'
export { hasSecrets, maskSecrets } from './mask-secrets.ts'
