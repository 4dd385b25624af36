/** States as they are stored; EXPIRED is a plan whose time is over. */
export type StoredState = 'PLANNED' | 'CONFIRMED' | 'RUNNING' | 'PAUSED' | 'DONE' | 'CANCELLED'

/** Acts of operators, and the states each may be done in. Consumers move CONFIRMED to RUNNING to DONE. */
export const actMoves = {
  confirm: { from: ['PLANNED'], to: 'CONFIRMED' },
  pause: { from: ['CONFIRMED', 'RUNNING'], to: 'PAUSED' },
  resume: { from: ['PAUSED'], to: 'CONFIRMED' },
  cancel: { from: ['PLANNED', 'CONFIRMED', 'RUNNING', 'PAUSED'], to: 'CANCELLED' },
} as const satisfies Record<
  string,
  { readonly from: readonly StoredState[]; readonly to: StoredState }
>
