import numpy as np, math
from math import erf
C=5.4
def target(t):
    x=np.sqrt(t); 
    return np.where(x<1e-6, 1/math.sqrt(2*math.pi), np.array([0.5*erf(v/math.sqrt(2))/max(v,1e-9) for v in x]))
n=4000
x=np.cos(np.pi*(np.arange(n)+.5)/n); x=(x+1)/2*C; t=x*x; f=target(t)
wt=x*np.maximum(x,0.3)  # error of gelu = x * x * err(R); 
for (p,q) in [(4,4),(5,4),(5,5),(6,4),(6,5),(6,6),(8,0),(10,0),(12,0)]:
    s=t/(C*C); lw=np.ones(n); Qd=np.ones(n)
    best=None
    for it in range(60):
        A=np.concatenate([np.stack([s**i for i in range(p+1)],1), -f[:,None]*np.stack([s**i for i in range(1,q+1)],1) if q else np.zeros((n,0))],1)
        w=np.sqrt(lw)*wt/np.abs(Qd)
        sol=np.linalg.lstsq(A*w[:,None], f*w, rcond=None)[0]
        P=sol[:p+1]; Qc=np.concatenate([[1],sol[p+1:]])
        Qd=sum(c*s**i for i,c in enumerate(Qc)); R=sum(c*s**i for i,c in enumerate(P))/Qd
        e=np.abs((R-f)*wt); m=e.max()
        if best is None or m<best[0]: best=(m,P.copy(),Qc.copy())
        lw=lw*(e/m+1e-3); lw/=lw.mean()
    m,P,Qc=best
    P=[c/(C*C)**i for i,c in enumerate(P)]; Qc=[c/(C*C)**i for i,c in enumerate(Qc)]
    # float32 eval
    X=np.linspace(-9,9,400001).astype(np.float32); xc=np.clip(X,-np.float32(C),np.float32(C)); T=(xc*xc).astype(np.float32)
    def h(c):
        r=np.full_like(T,np.float32(c[-1]))
        for k in c[-2::-1]: r=(r*T).astype(np.float32)+np.float32(k)
        return r.astype(np.float32)
    g=X*(np.float32(.5)+xc*(h(P)/h(Qc)).astype(np.float32)).astype(np.float32)
    ref=np.array([v*.5*(1+erf(v/math.sqrt(2))) for v in X.astype(float)])
    er=np.abs(g-ref); print(p,q,"minimax %.2e"%m,"f32 max err %.2e at %.3f"%(er.max(),X[er.argmax()]), "rel-ish %.2e"%(er/np.maximum(1,np.abs(ref))).max())
    if (p,q) in [(5,4),(5,5)]: print([float(np.float32(c)) for c in P],[float(np.float32(c)) for c in Qc])
