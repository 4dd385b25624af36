export { stockProblems } from './errors.ts'
export { stockService } from './service.ts'
