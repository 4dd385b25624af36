import { defineEvent } from '@millrace/events'
import { Type } from 'typebox'
import { trackingAlertsTopic } from './topics.ts'

/**
 * What an alert is about. `pending-count` and `pending-age`: events wait for the relay. `processing-backlog`: received events wait for
 * their handlers. `failure-rate`: handlers give up too many events. `outage`: a service's database does not answer.
 */
export const AlertRuleSchema = Type.Union([
  Type.Literal('pending-count'),
  Type.Literal('pending-age'),
  Type.Literal('processing-backlog'),
  Type.Literal('failure-rate'),
  Type.Literal('outage'),
])

const data = Type.Object({
  /** `<rule>:<service>`, the aggregate's id. */
  alertId: Type.String({ minLength: 1, maxLength: 150 }),
  rule: AlertRuleSchema,
  service: Type.String({ minLength: 1, maxLength: 100 }),
  /** The measured figure, in `unit`; null for an outage. */
  value: Type.Union([Type.Number(), Type.Null()]),
  /** What `value` crossed. */
  threshold: Type.Number(),
  unit: Type.Union([Type.Literal('events'), Type.Literal('ms'), Type.Literal('percent')]),
  /** For people: what it means and what to do. */
  message: Type.String({ minLength: 1, maxLength: 1_000 }),
  /** When this alert began: of `alert_recovered`, the same as in the `alert_raised` before it. */
  raisedAt: Type.String({ minLength: 20, maxLength: 35 }),
})

const alert = { aggregateType: 'alert', topic: trackingAlertsTopic.name, version: 1 } as const

export const alertRaised = defineEvent({
  ...alert,
  eventType: 'alert_raised',
  description: 'A figure of event tracking crossed its threshold and stayed there.',
  data,
})

export const alertRecovered = defineEvent({
  ...alert,
  eventType: 'alert_recovered',
  description: 'The figure of a raised alert is well below its threshold again.',
  data,
})

/** All events on `tracking-alerts`, keyed by alert: raised and recovered take turns. */
export const trackingAlertEvents = [alertRaised, alertRecovered] as const
