import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { drawDeployedWorkflow } from '../../docs/draw-workflow.ts'

test('the README’s picture shows the definition as it is (npm run picture draws it anew)', async () => {
  const picture = readFileSync(path.join(import.meta.dirname, '../../docs/pictures/workflow.svg'), 'utf8')
  expect(picture).toBe(await drawDeployedWorkflow())
})
