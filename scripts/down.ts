/** `make down`: removes what `make up` made, volumes included. */
import { createStages, runScript } from './stages.ts';
import { chooseTarget } from './targets.ts';

await runScript(async () => {
  const target = await chooseTarget('dev');
  await createStages().run(`removing the environment from ${target.description}`, (say) => target.down(say));
});
