//! A system in diffsol's terms.
//!
//! An explicit solver sees one long state, all samples in a row, so that its error norm is that of the batch. An
//! implicit one sees a lane for each sample, so that its matrices are those of single samples.

use std::cell::RefCell;

use diffsol::{
    ConstantOp, ConstantOpSensAdjoint, Context, FaerContext, FaerMat, FaerVec, NonLinearOp,
    NonLinearOpAdjoint, NonLinearOpJacobian, NonLinearOpSensAdjoint, OdeEquations, OdeEquationsRef,
    Op, UnitCallable, Vector, VectorCommon,
};

use super::control::{Control, StepError};
use super::drive::Attempt;
use super::pair::Pair;
use super::system::System;
use crate::expr::vector::combine;

pub(super) type Matrix = FaerMat<f64>;
pub(super) type Numbers = FaerVec<f64>;

/// y' = f(t, y; w(t)), y(0) given.
pub(super) struct Equations<'a> {
    pub system: &'a System<'a>,
    start: &'a [f64],
    /// Numbers of a lane, and how many lanes there are.
    lane: usize,
    context: FaerContext,
    /// The coefficients of the weights, where derivatives by them are wanted.
    parameters: usize,
    /// Looks on while steps are taken.
    pub monitor: RefCell<Option<Monitor>>,
    room: RefCell<[Vec<f64>; 3]>,
}

impl<'a> Equations<'a> {
    /// All samples in a row.
    pub fn long(system: &'a System<'a>, start: &'a [f64]) -> Equations<'a> {
        Equations::new(system, start, system.len(), FaerContext::default())
    }

    /// A lane for each sample.
    pub fn lanes(system: &'a System<'a>, start: &'a [f64]) -> Equations<'a> {
        let context = FaerContext::with_nbatch(system.batch.max(1));
        Equations::new(system, start, system.flow.width(), context)
    }

    fn new(
        system: &'a System<'a>,
        start: &'a [f64],
        lane: usize,
        context: FaerContext,
    ) -> Equations<'a> {
        let (monitor, room) = (RefCell::new(None), RefCell::default());
        Equations { system, start, lane, context, parameters: 0, monitor, room }
    }

    /// With derivatives by the coefficients of the weights.
    pub fn with_parameters(self) -> Equations<'a> {
        Equations { parameters: self.system.theta.len(), ..self }
    }

    /// Calls `work` with arguments and result as slices, a lane after the other.
    fn with<const N: usize>(
        &self,
        arguments: [&Numbers; N],
        out: &mut Numbers,
        work: impl FnOnce([&[f64]; N], &mut [f64]),
    ) {
        if self.context.nbatch() == 1 {
            return work(
                arguments.map(|v| v.inner().col_as_slice(0)),
                out.inner_mut().col_as_slice_mut(0),
            );
        }
        let mut room = self.room.borrow_mut();
        let [result, rooms @ ..] = &mut *room;
        for (room, argument) in rooms.iter_mut().zip(arguments) {
            room.resize(argument.total_len(), 0.0);
            copy_lanes(argument, room);
        }
        let mut slices = [&[][..]; N];
        slices.iter_mut().zip(rooms.iter()).for_each(|(slice, room)| *slice = room);
        result.resize(out.total_len(), 0.0);
        work(slices, result);
        set_lanes(result, out);
    }
}

/// The numbers of all lanes.
pub(super) fn copy_lanes(from: &Numbers, to: &mut [f64]) {
    for (lane, numbers) in to.chunks_exact_mut(from.len().max(1)).enumerate() {
        numbers.copy_from_slice(from.inner().col_as_slice(lane));
    }
}

pub(super) fn set_lanes(from: &[f64], to: &mut Numbers) {
    let length = to.len().max(1);
    let lanes = to.inner_mut();
    for (lane, numbers) in from.chunks_exact(length).enumerate() {
        lanes.col_as_slice_mut(lane).copy_from_slice(numbers);
    }
}

/// Forms the error of each attempt at a step, which diffsol keeps to itself, from the stages as they are called.
pub(super) struct Monitor {
    d: Vec<f64>,
    control: Control,
    t: f64,
    y: Vec<f64>,
    /// k_1
    first: Vec<f64>,
    /// sum_j d_j k_j
    sum: Vec<f64>,
    /// The stage at hand, from 0.
    stage: usize,
    /// What was seen since the step began.
    pub attempts: Vec<Attempt>,
}

impl Monitor {
    pub fn new(pair: &Pair, control: &Control, n: usize) -> Monitor {
        let zeros = || vec![0.0; n];
        let d = pair.d.clone();
        let (y, first, sum) = (zeros(), zeros(), zeros());
        Monitor { d, control: *control, t: 0.0, y, first, sum, stage: 0, attempts: Vec::new() }
    }

    /// A step begins.
    pub fn begin(&mut self, t: f64, y: &[f64], slope: &[f64]) {
        self.t = t;
        self.y.copy_from_slice(y);
        self.first.copy_from_slice(slope);
        self.stage = 0;
        self.attempts.clear();
    }

    fn see(&mut self, system: &System<'_>, t: f64, k: &[f64]) {
        self.stage += 1;
        let (d, last) = (self.d[self.stage], self.d.len() - 1);
        match self.stage {
            1 => {
                let terms = [(self.d[0], &self.first[..]), (d, k)];
                combine(&mut self.sum, 0.0, terms.into_iter());
            }
            _ if d != 0.0 => combine(&mut self.sum, 1.0, [(d, k)].into_iter()),
            _ => {}
        }
        if self.stage == last {
            let h = t - self.t;
            let error: StepError = system.error(&self.control, (h, &[1.0]), &self.y, &self.sum);
            self.attempts.push(Attempt { h, error: Some(error), accepted: false });
            self.stage = 0;
        }
    }
}

impl Op for Equations<'_> {
    type T = f64;
    type V = Numbers;
    type M = Matrix;
    type C = FaerContext;

    fn context(&self) -> &FaerContext {
        &self.context
    }
    fn nstates(&self) -> usize {
        self.lane
    }
    fn nout(&self) -> usize {
        self.lane
    }
    fn nparams(&self) -> usize {
        self.parameters
    }
}

/// The right-hand side or the initial state of equations.
#[derive(Clone, Copy)]
pub(super) struct Part<'a>(&'a Equations<'a>);

impl Op for Part<'_> {
    type T = f64;
    type V = Numbers;
    type M = Matrix;
    type C = FaerContext;

    fn context(&self) -> &FaerContext {
        &self.0.context
    }
    fn nstates(&self) -> usize {
        self.0.lane
    }
    fn nout(&self) -> usize {
        self.0.lane
    }
    fn nparams(&self) -> usize {
        self.0.parameters
    }
}

impl NonLinearOp for Part<'_> {
    fn call_inplace(&self, y: &Numbers, t: f64, k: &mut Numbers) {
        let system = self.0.system;
        self.0.with([y], k, |[y], k| {
            system.value(t, y, k);
            if let Some(monitor) = self.0.monitor.borrow_mut().as_mut() {
                monitor.see(system, t, k);
            }
        });
    }
}

impl NonLinearOpJacobian for Part<'_> {
    fn jac_mul_inplace(&self, y: &Numbers, t: f64, v: &Numbers, out: &mut Numbers) {
        self.0.with([y, v], out, |[y, v], out| self.0.system.jvp(t, y, v, out));
    }
}

// diffsol wants the negative transposes.
impl NonLinearOpAdjoint for Part<'_> {
    fn jac_transpose_mul_inplace(&self, y: &Numbers, t: f64, u: &Numbers, out: &mut Numbers) {
        self.0.with([y, u], out, |[y, u], out| {
            self.0.system.vjp(t, y, u, out, None);
            out.iter_mut().for_each(|x| *x = -*x);
        });
    }
}

impl NonLinearOpSensAdjoint for Part<'_> {
    fn sens_transpose_mul_inplace(&self, y: &Numbers, t: f64, u: &Numbers, out: &mut Numbers) {
        self.0.with([y, u], out, |[y, u], out| {
            let mut by_state = vec![0.0; y.len()];
            self.0.system.vjp(t, y, u, &mut by_state, Some(&mut *out));
            out.iter_mut().for_each(|x| *x = -*x);
        });
    }
}

impl ConstantOp for Part<'_> {
    fn call_inplace(&self, _t: f64, y: &mut Numbers) {
        set_lanes(self.0.start, y);
    }
}

impl ConstantOpSensAdjoint for Part<'_> {
    fn sens_transpose_mul_inplace(&self, _t: f64, _u: &Numbers, out: &mut Numbers) {
        out.fill(0.0);
    }
}

impl<'a> OdeEquationsRef<'a> for Equations<'_> {
    type Mass = UnitCallable<Matrix>;
    type Rhs = Part<'a>;
    type Root = UnitCallable<Matrix>;
    type Init = Part<'a>;
    type Out = UnitCallable<Matrix>;
    type Reset = UnitCallable<Matrix>;
}

impl OdeEquations for Equations<'_> {
    fn rhs(&self) -> Part<'_> {
        Part(self)
    }
    fn mass(&self) -> Option<UnitCallable<Matrix>> {
        None
    }
    fn init(&self) -> Part<'_> {
        Part(self)
    }
    // The coefficients are those of the system.
    fn set_params(&mut self, _: &Numbers) {}
    fn get_params(&self, out: &mut Numbers) {
        if self.parameters > 0 {
            set_lanes(self.system.theta, out);
        }
    }
}
