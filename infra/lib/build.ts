/** The app's parts put together. */
import { Annotations, type App, DefaultStackSynthesizer, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { PipelinesStack } from './pipelines.js';
import { RouterStack } from './router.js';
import type { Settings } from './settings.js';

export function build(app: App, settings: Settings): { router: RouterStack; pipelines: PipelinesStack } {
  // The version of the bootstrap stack is a parameter that is looked up when a stack is deployed; nothing here needs a newer one.
  const synthesizer = (): DefaultStackSynthesizer => new DefaultStackSynthesizer({ generateBootstrapVersionRule: false });
  const router = new RouterStack(app, `${settings.prefix}-router`, {
    settings,
    synthesizer: synthesizer(),
    description: 'Pointsman: takes webhooks, decides, starts pipelines, tells the forge',
  });
  const pipelines = new PipelinesStack(app, `${settings.prefix}-pipelines`, {
    settings,
    key: router.key,
    synthesizer: synthesizer(),
    description: 'Pointsman: the pipelines of the rule file',
  });
  // What `pointsman synth` would tell a person, the CDK tells as a warning.
  settings.model.notes.forEach((note, n) => Annotations.of(pipelines).addWarningV2(`pointsman:note-${n}`, note));
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  return { router, pipelines };
}
