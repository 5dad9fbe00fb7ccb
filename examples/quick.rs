use kutta::{spec::Model, train::*};
use std::path::Path;
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let model = Model::read(Path::new(&args[0]), &args[1..]).unwrap_or_else(|e| panic!("{e}"));
    let data = model.dataset().unwrap_or_else(|e| panic!("{e}"));
    let network = model.network(&data.schema).unwrap_or_else(|e| panic!("{e}"));
    for w in model.warnings(&network) {
        eprintln!("{w}");
    }
    let theta = network.initial(model.seed);
    let mut fit = Fit::new(&network, &data);
    let flag = std::sync::atomic::AtomicBool::new(false);
    let out = train(
        &mut fit,
        Checkpoint::fresh("x", theta),
        &model.training,
        model.seed,
        &flag,
        &mut |_: Event<'_>| Ok(()),
    )
    .unwrap();
    println!("{:?} {:.2}s {:?}", out.history.last().unwrap(), out.seconds, out.stop);
}
