import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { AwsError } from '../../local/aws/aws-error.ts'
import { cloudFormation } from '../../local/aws/cloudformation.ts'

type Asked = { FunctionName?: string }

/**
 * Lambda's and CloudFormation's operations about a package of `npm run package` that was deployed from this folder.
 * They read the folder at each call.
 */
export const deployedPackage = (folder: string, { stackName, partition = 'aws', region, accountId }: Place) => {
  const readTemplate = () => readFileSync(path.join(folder, 'cloudformation-template-update-stack.json'), 'utf8')
  const zipOf = ({ FunctionName = '' }: Asked) => {
    const file = path.join(folder, `${FunctionName.slice(stackName.length + 1)}.zip`)
    if (existsSync(file)) return readFileSync(file)
    const arn = `arn:${partition}:lambda:${region}:${accountId}:function:${FunctionName}`
    throw new AwsError('ResourceNotFoundException', `Function not found: ${arn}`, 404)
  }
  const configuration = (asked: Asked) => ({
    FunctionName: asked.FunctionName,
    CodeSha256: createHash('sha256').update(zipOf(asked)).digest('base64'),
  })
  const outputs = { VendAccountArn: `arn:${partition}:states:${region}:${accountId}:stateMachine:${stackName}` }
  return {
    lambda: {
      GetFunctionConfiguration: (_: unknown, asked: Asked) => configuration(asked),
      GetFunction: (_: unknown, asked: Asked) => ({
        Configuration: configuration(asked),
        // On AWS, a URL of S3.
        Code: { RepositoryType: 'S3', Location: `data:application/zip;base64,${zipOf(asked).toString('base64')}` },
      }),
    },
    cloudformation: {
      ...cloudFormation({
        stackName,
        stackId: `arn:${partition}:cloudformation:${region}:${accountId}:stack/${stackName}/local`,
        createdAt: 0,
        outputs: { ...outputs, LedgerTable: `${stackName}-ledger` },
      }),
      // AWS shows ? for each character that is not ASCII.
      GetTemplate: () => ({ TemplateBody: readTemplate().replace(/[\u{80}-\u{10ffff}]/gu, '?') }),
    },
  }
}
type Place = { stackName: string; partition?: string; region: string; accountId: string }
