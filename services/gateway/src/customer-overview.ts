import { discussionEventsTopic } from '@millrace/contracts'
import type { Overview } from './overview.ts'

/** An overview without what is for staff. */
export type CustomerOverview = Omit<Overview, 'shop'> & { readonly shop: null }

/**
 * Which parts run and how discussions flow. How the shop does is the staff's business, and so is where parts are and why they fail: addresses,
 * names of processes and texts of faults say more than a customer needs.
 */
export function overviewForCustomers(overview: Overview): CustomerOverview {
  const { parts, topics, start } = overview
  return {
    ...overview,
    parts: parts.map((part) => ({ ...part, reason: null, url: null })),
    relay: null,
    topics: topics.filter(({ name }) => name === discussionEventsTopic.name),
    shop: null,
    start: start && { parts: start.parts.map((part) => ({ ...part, detail: null })) },
  }
}
