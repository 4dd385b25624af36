/** A fault that the lab can bring about, told so that one knows what to look for. */
export interface LabFault {
  readonly id: string
  readonly title: string
  /** What is done to the running parts. */
  readonly act: string
  /** What one should see, if all is well. */
  readonly expected: string
  /** `switch`: lasts until it is switched off. `once`: done, and over by itself. */
  readonly kind: 'switch' | 'once'
}

export const labFaults = [
  {
    id: 'payment-late',
    title: 'Payment answers late',
    act: 'The payment provider takes 30 s for each answer.',
    expected:
      'Orders wait longer than the window of 10 s; the late answer still decides them. Nothing is lost.',
    kind: 'switch',
  },
  {
    id: 'payment-rejects',
    title: 'Payment rejects',
    act: 'The payment provider refuses every reservation.',
    expected: 'Orders end in ROLLBACK with source PAYMENT; their goods are back on hand.',
    kind: 'switch',
  },
  {
    id: 'payment-fails',
    title: 'Payment provider is down',
    act: 'Each call to the payment provider fails.',
    expected:
      'Orders are still taken and wait for payment; without an answer they end in ROLLBACK with source TIMEOUT after a minute.',
    kind: 'switch',
  },
  {
    id: 'stock-rejects',
    title: 'Stock rejects',
    act: 'Stock refuses every reservation.',
    expected: 'Orders end in ROLLBACK with source INVENTORY; the money is back.',
    kind: 'switch',
  },
  {
    id: 'stock-silent',
    title: 'Stock is silent',
    act: 'Stock answers nothing.',
    expected: 'After a minute orders end in ROLLBACK with source TIMEOUT; the money is back.',
    kind: 'switch',
  },
  {
    id: 'deliver-twice',
    title: 'Deliver twice',
    act: 'The last records of orders, payment-orders and stock-orders are sent once more.',
    expected: 'Repeats are counted and change nothing.',
    kind: 'once',
  },
  {
    id: 'poison',
    title: 'Poison bytes',
    act: 'Bytes that nobody can read are put on payment-orders and stock-orders.',
    expected: 'They end on recovererDLQ with their bytes; orders go on.',
    kind: 'once',
  },
  {
    id: 'broker-down',
    title: 'Broker down 20 s',
    act: 'The broker is killed and comes back after 20 s.',
    expected: 'Orders are still taken; they are decided when the broker is back.',
    kind: 'once',
  },
  {
    id: 'kill-services',
    title: 'Kill the services',
    act: 'The process of the services is killed, and started again by the supervisor.',
    expected: 'The page reconnects; what was under way goes on where it stood.',
    kind: 'once',
  },
] as const satisfies readonly LabFault[]

export type LabFaultId = (typeof labFaults)[number]['id']
