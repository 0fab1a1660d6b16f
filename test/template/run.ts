import { runSuite } from '../support/python.ts'
import { linters } from './linters.ts'

await runSuite('test:template', linters, import.meta.dirname)
