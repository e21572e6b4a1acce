import { readdir, readFile } from 'node:fs/promises';
import { createCanvas, loadImage } from '@napi-rs/canvas';
import { useBackend } from '../src/models/backend.ts';
import { solveFilters } from '../src/l2caf/solve.ts';
import { KerasNetwork } from '../src/models/keras/keras-network.ts';
await useBackend('wasm');
const tub='../shared/data/donkey/tub';
const json=JSON.parse(await readFile('../shared/golden/donkey/rnn.json','utf8'));
const names=(await Promise.all((await readdir(tub)).filter(n=>n.endsWith('.catalog')).sort().map(n=>readFile(tub+'/'+n,'utf8')))).join('\n').split('\n').filter(Boolean).map(l=>tub+'/images/'+JSON.parse(l)['cam/image_array']);
async function frames(i:number){ const rgb=new Uint8Array(3*120*160*3); for(let f=0;f<3;f++){const im=await loadImage(names[i-2+f]!); const c=createCanvas(160,120).getContext('2d'); c.drawImage(im,0,0); const d=c.getImageData(0,0,160,120).data; for(let p=0;p<19200;p++) rgb.set(d.subarray(4*p,4*p+3),(f*19200+p)*3);} return {rgb,shape:[3,120,160,3] as const,timestampsSec:[0,1,2]};}
const net=await KerasNetwork.open('../shared/data/donkey/models/rnn.h5',{layer:'time_distributed_8',outputs:[{name:'dense_2'}]});
const modes=(process.argv[2]??'tensors,measured').split(','); const startsList=(process.argv[3]??'1,4').split(',').map(Number);

for (const [ei,slot] of [[0,1],[2,0],[2,1]] as const) {
  const e=json.events[ei]; const maps=await net.features(await frames(e.index)); const best=e.frames[slot].loss;
  const full:any=net.tail(maps); 
  const measured:any={slots:full.slots,grid:full.grid,outputSize:full.outputSize,reference:full.reference,mapOf:full.mapOf,evaluateMaps:full.evaluateMaps,evaluate:full.evaluate,dispose(){}};
  const go=async(name:string,tail:any,o:any)=>{const c0=process.cpuUsage(); const {filters:[f]}=await solveFilters(tail,{slots:[slot],...o}); const c=process.cpuUsage(c0); console.log(e.index,slot,name,(f!.loss/best-1).toExponential(2),'it',f!.iterations,f!.status,'cpu',((c.user+c.system)/1e6).toFixed(2), (f!.starts??[]).map((x:any)=>(x.loss/best-1).toExponential(1)).join(' ')); return f!;};
  const one=await go('gn1',measured,{});
  await go('gn12',measured,{starts:12});
  await go('gn1+qn measured',measured,{solver:'quasi-newton',initial:[one.values]});
  await go('gn1+qn tensors',full,{solver:'quasi-newton',initial:[one.values]});
  await go('gn1+gd',full,{solver:'gd',initial:[one.values]});
  await go('gd4',full,{solver:'gd',starts:4});
  full.dispose();
}
