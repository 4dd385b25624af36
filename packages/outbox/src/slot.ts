/** Events are spread over this many slots for good; lanes own slots, so the lane count can change without touching rows. */
export const slotCount = 16

/** The slot of a record: FNV-1a of topic and key. Records of one key, and all without a key of one topic, share a slot. */
export function slotOf(topic: string, key: string | null): number {
  let hash = mix(0x811c9dc5, topic)
  if (key !== null) hash = mix(Math.imul(hash ^ 0xff, 0x01000193), key)
  return ((hash >>> 0) ^ (hash >>> 16)) & (slotCount - 1)
}

/** The slots of lane `lane` of `laneCount`. */
export function slotsOfLane(lane: number, laneCount: number): readonly number[] {
  return Array.from({ length: slotCount }, (_, slot) => slot).filter(
    (slot) => slot % laneCount === lane,
  )
}

function mix(hash: number, text: string): number {
  for (let index = 0; index < text.length; index++)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash
}
