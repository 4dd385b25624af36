import type { Box, Race } from './flow-geometry.ts'
import type { PartName, ShopFlow } from './model.ts'

/** The drawing's own coordinates: orders run from the left to the saga on the right, verdicts back along the middle. */
export const shopDrawing = { width: 1120, height: 392 } as const

const [upper, middle, lower] = [16, 150, 300]
const height = 76
const [first, second, third, fourth, fifth] = [8, 216, 456, 700, 940]

/** What runs, and where it stands. */
export const shopPlates: readonly { readonly part: PartName; readonly box: Box }[] = [
  { part: 'users', box: { x: first, y: upper, width: 130, height } },
  { part: 'gateway', box: { x: first, y: middle, width: 130, height } },
  { part: 'catalog', box: { x: first, y: lower, width: 130, height } },
  { part: 'orders', box: { x: second, y: middle, width: 160, height } },
  { part: 'payments', box: { x: fourth, y: upper, width: 160, height } },
  { part: 'stock', box: { x: fourth, y: lower, width: 160, height } },
  { part: 'order-saga', box: { x: fifth, y: middle, width: 172, height } },
]

export const shopTopics = [
  { name: 'user-events', box: { x: second, y: upper, width: 160, height } },
  { name: 'product-events', box: { x: second, y: lower, width: 160, height } },
  { name: 'orders', box: { x: third, y: middle - 12, width: 170, height: height + 24 } },
  { name: 'order-events', box: { x: third, y: lower, width: 170, height } },
  { name: 'payment-orders', box: { x: fifth, y: upper, width: 172, height } },
  { name: 'stock-orders', box: { x: fifth, y: lower, width: 172, height } },
] as const satisfies readonly { readonly name: string; readonly box: Box }[]

export type ShopTopicName = (typeof shopTopics)[number]['name']

export interface ShopEdge extends Race {
  /** Whose rate is written beside it, and whose growth lets off its drops. */
  readonly flow: keyof ShopFlow
}

const mid = middle + 38
const [high, low] = [upper + 38, lower + 38]
/** Of the two channels between orders and its topic. */
const [out, back] = [mid - 18, mid + 18]

export const shopEdges: readonly ShopEdge[] = [
  {
    key: 'gateway-orders',
    flow: 'placed',
    path: `M138 ${mid}H216`,
    label: { x: 177, y: mid - 16, anchor: 'middle' },
    delayMs: 0,
    means: 'orders that were placed',
  },
  {
    key: 'orders-topic',
    flow: 'placed',
    path: `M376 ${out}H456`,
    label: { x: 416, y: out - 16, anchor: 'middle' },
    delayMs: 110,
    means: 'new orders, published',
  },
  {
    key: 'topic-payments',
    flow: 'placed',
    path: `M626 ${mid - 26}H638Q658 ${mid - 26} 658 ${mid - 46}V${high + 20}Q658 ${high} 678 ${high}H700`,
    label: { x: 642, y: 112, anchor: 'end' },
    delayMs: 240,
    means: 'orders that payments reads',
  },
  {
    key: 'topic-stock',
    flow: 'placed',
    path: `M626 ${mid + 26}H638Q658 ${mid + 26} 658 ${mid + 46}V${low - 20}Q658 ${low} 678 ${low}H700`,
    label: { x: 642, y: 276, anchor: 'end' },
    delayMs: 240,
    means: 'orders that stock reads',
  },
  {
    key: 'payments-answers',
    flow: 'paymentAnswers',
    path: `M860 ${high}H940`,
    label: { x: 900, y: high - 16, anchor: 'middle' },
    delayMs: 400,
    means: 'answers of payments',
  },
  {
    key: 'stock-answers',
    flow: 'stockAnswers',
    path: `M860 ${low}H940`,
    label: { x: 900, y: low + 30, anchor: 'middle' },
    delayMs: 400,
    means: 'answers of stock',
  },
  {
    key: 'payment-orders-saga',
    flow: 'paymentAnswers',
    path: `M1026 92V150`,
    label: { x: 1042, y: 126, anchor: 'start' },
    delayMs: 540,
    means: 'answers of payments that the saga reads',
  },
  {
    key: 'stock-orders-saga',
    flow: 'stockAnswers',
    path: `M1026 300V226`,
    label: { x: 1042, y: 268, anchor: 'start' },
    delayMs: 540,
    means: 'answers of stock that the saga reads',
  },
  {
    key: 'saga-topic',
    flow: 'decided',
    path: `M940 ${mid}H626`,
    label: { x: 783, y: mid - 16, anchor: 'middle' },
    delayMs: 680,
    means: 'verdicts of the saga',
  },
  {
    key: 'topic-orders',
    flow: 'decided',
    path: `M456 ${back}H376`,
    label: { x: 416, y: back + 30, anchor: 'middle' },
    delayMs: 860,
    means: 'verdicts that end orders',
  },
]

/** Whose figures nobody counts here: people and products on their way to orders, and what orders tells its read model. */
export const shopFeeds: readonly string[] = [
  `M138 ${high}H216`,
  'M296 92V150',
  `M138 ${low}H216`,
  'M276 300V226',
  'M336 226V262H541V300',
]
