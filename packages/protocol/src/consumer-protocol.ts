import { ByteReader } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'
import { messageCodec, type MessageCodec } from './schema/api.ts'
import {
  bytes,
  int32,
  list,
  string,
  structs,
  type Fields,
  type Message,
  type MessageInput,
} from './schema/fields.ts'

/**
 * What consumers put into the opaque parts of JoinGroup and SyncGroup: protocol type "consumer", versions 0–3.
 * A version, then the message; never flexible. A newer version is read as the newest one known, as all clients do.
 *
 * - 1: owned partitions (KIP-429). 2: generation of the owned partitions (KIP-792). 3: rack (KIP-881).
 */
const range = { minVersion: 0, maxVersion: 3, isFlexible: () => false }

export const consumerSubscription = messageCodec(
  'ConsumerProtocolSubscription',
  {
    topics: list(string()),
    userData: bytes({ nullable: 0, default: null }),
    ownedPartitions: structs(
      { topic: string(), partitions: list(int32()) },
      { since: 1, ignorable: true },
    ),
    generationId: int32({ since: 2, default: -1, ignorable: true }),
    rackId: string({ since: 3, nullable: 3, default: null, ignorable: true }),
  },
  range,
)

export const consumerAssignment = messageCodec(
  'ConsumerProtocolAssignment',
  {
    assignedPartitions: structs({ topic: string(), partitions: list(int32()) }),
    userData: bytes({ nullable: 0, default: null }),
  },
  range,
)

type FieldsOf<C> = C extends MessageCodec<infer F> ? F : never
export type ConsumerSubscription = Message<FieldsOf<typeof consumerSubscription>>
export type ConsumerSubscriptionInput = MessageInput<FieldsOf<typeof consumerSubscription>>
export type ConsumerAssignment = Message<FieldsOf<typeof consumerAssignment>>
export type ConsumerAssignmentInput = MessageInput<FieldsOf<typeof consumerAssignment>>

/**
 * Reads a version and the message after it.
 * @throws ProtocolError for malformed bytes; bytes after the message are allowed (a newer version's fields)
 */
export function readVersioned<F extends Fields>(
  codec: MessageCodec<F>,
  payload: Buffer,
): Message<F> {
  const reader = new ByteReader(payload)
  const version = reader.int16()
  if (version < range.minVersion)
    reader.fail('MR_PROTOCOL_UNSUPPORTED_VERSION', `version ${version}`)
  return codec.read(reader, Math.min(version, range.maxVersion))
}

/** Writes a version and the message after it. */
export function writeVersioned<F extends Fields>(
  codec: MessageCodec<F>,
  version: number,
  message: MessageInput<F>,
): Buffer {
  const writer = new ByteWriter(256)
  writer.int16(version)
  codec.write(writer, version, message)
  return writer.takeBuffer()
}
