/** The two doors of the app and the pages behind them. A new page is a line here and a route in `router.tsx`. */
export const doors = [
  {
    name: 'Console',
    pages: [
      { to: '/', label: 'Overview', keys: 'g o' },
      { to: '/log', label: 'Event log', keys: 'g e' },
      { to: '/failures', label: 'Failures', keys: 'g f' },
      { to: '/operations', label: 'Operations', keys: 'g p' },
      { to: '/streams', label: 'Streams', keys: 'g s' },
      { to: '/lab', label: 'Lab', keys: 'g l' },
    ],
  },
  {
    name: 'Workspace',
    pages: [
      { to: '/discussions', label: 'Discussions', keys: 'g d' },
      { to: '/orders', label: 'Orders', keys: 'g r' },
      { to: '/people', label: 'People', keys: 'g u' },
    ],
  },
] as const
