import json, time, torch
from . import scenes as s
from .graphs import Graph
def test_x(server):
    for family in ("sd","sd21v","sdxl"):
        for steps,its in ((4,10),(4,20),(6,10),(6,20)):
            g=Graph(server.object_info)
            m=s.model(g,family); gd=s.guider(g,m,1,family); sg=s.sigmas(g,m,steps); ph=s.photo(g)
            inv=g("Img2NoiseInversionSampler",evaluate="implicit",forward_fraction=0.0,iterations=its)[0]
            xt=s.sampled(g,noise=s.no_noise(g),guider=gd,sampler=inv,sigmas=sg,latent_image=ph)
            n=g("Img2NoiseInvertedNoise",model=m,sigmas=sg,latent=xt,noise_seed=0)[0]
            emp=g("EmptyLatentImage",width=128,height=128)[0]
            kw=dict(guider=gd,sampler=s.euler(g),sigmas=sg)
            s.dump(g,photo=ph,xt=xt,e=s.sampled(g,noise=n,latent_image=emp,**kw),p=s.sampled(g,noise=n,latent_image=ph,**kw),
               d=s.sampled(g,noise=s.no_noise(g),latent_image=xt,**kw))
            t=time.time(); server.run(g); t=time.time()-t
            ph,xt,e,p,d=s.samples(server,"photo","xt","e","p","d")
            print(family,steps,its,"%.2fs"%t, *( "%.2e"%float((x-ph).abs().max()) for x in (e,p,d)), "std", float(xt.std()))
